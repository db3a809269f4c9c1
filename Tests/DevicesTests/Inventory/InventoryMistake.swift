import Testing

/// A file with one mistake in it, and what is said about it.
struct InventoryMistake: Sendable, CustomTestStringConvertible {
    var yaml: String
    var line: Int
    var message: String

    init(_ yaml: String, _ line: Int, _ message: String) {
        self.yaml = yaml
        self.line = line
        self.message = message
    }

    var testDescription: String { self.message }

    /// A device with a field on line 4.
    private static func device(_ field: String, _ message: String) -> InventoryMistake {
        InventoryMistake("devices:\n  r1:\n    host: 192.0.2.1\n    \(field)\n", 4, "devices.r1.\(message)")
    }

    private static let fingerprint =
        "must be a fingerprint as `ssh-keygen -lf` prints it: `SHA256:` and 43 characters of base64"

    static let all: [InventoryMistake] = [
        // Keys.
        .init("device: {}", 1, "device: unknown key; did you mean `devices`?"),
        .init(
            "\nhosts: {}", 2,
            "hosts: unknown key; known are `general`, `defaults`, `credentials`, `vault`, `auth_domains`, `sequences`, `devices`, `groups`, `sources`"
        ),
        device("device_typ: linux", "device_typ: unknown key; did you mean `device_type`?"),
        device("devicetype: linux", "devicetype: unknown key; did you mean `device_type`?"),
        device("username: admin", "username: unknown key; did you mean `user`?"),
        device(
            "colour: red",
            "colour: unknown key; known are `host`, `device_type`, `port`, `tags`, `groups`, `host_key`, `host_key_policy`, "
                + "`description`, `location`, `model`, `user`, `password`, `private_key`, `private_key_passphrase`, `enable_secret`, "
                + "`vault`, `exec`, "
                + "`legacy_algorithms`, `source_address`, `silence_timeout`, `jump_hosts`, `auth_domain`, `warm`, `cli_keepalive`"
        ),
        device("warm: yes please", "warm: must be `true` or `false`, but is `yes please`"),
        device("cli_keepalive: 10ms", "cli_keepalive: must be from 1.0 seconds to 86400.0 seconds, but is `10ms`"),
        .init(
            "auth_domains:\n  tacacs: {max_login: 3}", 2,
            "auth_domains.tacacs.max_login: unknown key; did you mean `max_logins`?"),
        .init(
            "auth_domains:\n  tacacs: {max_logins: 0}", 2,
            "auth_domains.tacacs.max_logins: must be a whole number from 1 to 100000, but is 0"),
        device(
            "source_address: core1", "source_address: must be an IPv4 or IPv6 address of this machine, without brackets"
        ),
        device(
            "source_address: '[::1]'",
            "source_address: must be an IPv4 or IPv6 address of this machine, without brackets"),
        .init("general:\n  timout: 3", 2, "general.timout: unknown key; did you mean `timeout`?"),
        .init("general:\n  port: 22", 2, "general.port: unknown key; write `port` in `defaults`"),
        .init("defaults:\n  pasword: x", 2, "defaults.pasword: unknown key; did you mean `password`?"),
        .init(
            "groups:\n  g:\n    match_tags: [a]", 3,
            "groups.g.match_tags: unknown key; write `tags`; one that holds makes a member, `a&b` asks for both"),
        .init(
            "groups:\n  g:\n    credentials: {user: a}", 3,
            "groups.g.credentials: unknown key; write `user` and `password` directly in the group"),
        .init("credentials:\n  c: {login: a}", 2, "credentials.c.login: unknown key; did you mean `user`?"),
        .init(
            "devices:\n  r1: {host: a}\n  r2: {host: b}\n  r1: {host: c}", 4,
            "the key `r1` is given twice; the first is at lab.yaml:2: keep one of them"),
        .init(
            "devices:\n  r1:\n    host: a\n    \"host\": b", 4,
            "the key `host` is given twice; the first is at lab.yaml:3: keep one of them"),

        // Types.
        .init(
            "devices:\n  - name: r1", 1,
            "devices: must be a mapping from device names to devices, but is a list: write `router1: {host: …}`"),
        .init("devices:\n  r1: 192.0.2.1", 2, "devices.r1: must be a mapping (`key: value` lines), but is text"),
        .init("[a, b]", 1, "must be a mapping (`key: value` lines), but is a list"),
        device("port: twenty-two", "port: must be a whole number from 1 to 65535, but is `twenty-two`"),
        device("port: \"22\"", "port: must be a whole number from 1 to 65535, but is text: remove the quotes"),
        device("port: 0", "port: must be a whole number from 1 to 65535, but is 0"),
        device("port: 65536", "port: must be a whole number from 1 to 65535, but is 65536"),
        device("port: 22.0", "port: must be a whole number from 1 to 65535, but is `22.0`"),
        device("port: [22]", "port: must be a whole number from 1 to 65535, but is a list"),
        device("password: 12345", "password: must be text, but YAML reads it as a number: put it in quotes"),
        device("password: yes", "password: must be text, but YAML reads it as a boolean: put it in quotes"),
        device("password:", "password: has no value: give one, or remove the line"),
        device("user: ''", "user: must be a user name without control characters"),
        device("user: [a]", "user: must be text, but is a list"),
        device("tags: edge", "tags: must be a list (`[a, b]` or lines that begin with `-`), but is text"),
        device("tags: [1]", "tags[0]: must be text, but YAML reads it as a number: put it in quotes"),
        device("tags: [a, 'b c']", "tags[1]: a tag must not contain `&`, `,`, white space or control characters"),
        device("tags: ['a&b']", "tags[0]: a tag must not contain `&`, `,`, white space or control characters"),
        device("host_key: abc", "host_key: \(fingerprint)"),
        device("host_key: SHA256:abc", "host_key: \(fingerprint)"),
        device(
            "host_key_policy: stric",
            "host_key_policy: must be one of `strict`, `accept_new`, `off`, but is `stric`; did you mean `strict`?"),
        device("host_key_policy: true", "host_key_policy: must be one of `strict`, `accept_new`, `off`, but is `true`"),
        .init(
            "general:\n  ssh_strict_host_key_checking: \"true\"", 2,
            "general.ssh_strict_host_key_checking: must be `true` or `false`, without quotes"),
        .init(
            "general:\n  ssh_strict_host_key_checking: yes", 2,
            "general.ssh_strict_host_key_checking: must be `true` or `false`, but is `yes`"),
        .init(
            "general:\n  timeout: soon", 2,
            "general.timeout: must be a time span such as `30`, `30s`, `500ms` or `2m`, but is `soon`"),
        .init(
            "general:\n  timeout: 0", 2, "general.timeout: must be from 0.001 seconds to 86400.0 seconds, but is `0`"),
        .init(
            "general:\n  timeout: -5s", 2,
            "general.timeout: must be a time span such as `30`, `30s`, `500ms` or `2m`, but is `-5s`"),
        .init(
            "general:\n  connection_retries: 0", 2,
            "general.connection_retries: must be a whole number from 1 to 100, but is 0"),

        // Meaning.
        .init(
            "general:\n  host_key_policy: off\n  ssh_strict_host_key_checking: true", 3,
            "general.ssh_strict_host_key_checking: says the same thing as `general.host_key_policy` at lab.yaml:2: keep one of them"
        ),
        .init(
            "devices:\n  r1: {device_type: linux}", 2,
            "devices.r1: `host` is missing: give the device's host name or address"),
        .init(
            "\ndevices:\n  r1: {host: a}", 3,
            "devices.r1: `device_type` is missing: give it here, in one of the device's groups, or in `defaults`"),
        .init(
            "devices:\n  r1: {host: a, device_type: x, platform: y}", 2,
            "devices.r1.platform: `device_type` and `platform` mean the same: keep `device_type`"),
        .init(
            "devices:\n  r1: {host: 'admin:pw@192.0.2.1'}", 2,
            "devices.r1.host: must be a host name or an address alone; give the user in `user` and the password in `password`"
        ),
        .init(
            "devices:\n  r1: {host: '192.0.2.1:22'}", 2,
            "devices.r1.host: must be a host name or an address alone; give the port in `port`"),
        .init(
            "devices:\n  r1: {host: '[::1]'}", 2, "devices.r1.host: must be without brackets; give the port in `port`"),
        .init(
            "devices:\n  r1: {host: 300.1.2.3}", 2,
            "devices.r1.host: is neither an IPv4 or IPv6 address nor a host name (letters, digits, `-`, `_` and `.`)"),
        .init(
            "devices:\n  r1: {host: 'a b'}", 2,
            "devices.r1.host: is neither an IPv4 or IPv6 address nor a host name (letters, digits, `-`, `_` and `.`)"),
        .init("devices:\n  \"r\\t1\": {host: a}", 2, "devices: the device name `r\\t1` must not contain white space"),
        .init(
            "devices:\n  \"r\\u00071\": {host: a}", 2,
            "devices: the device name `r\\u{07}1` must not contain control characters"),
        .init(
            "devices:\n  a/b: {host: a}", 2,
            "devices: the device name `a/b` must not contain `/`: it has a meaning in targets or paths"),
        .init(
            "devices:\n  a@b: {host: a}", 2,
            "devices: the device name `a@b` must not contain `@`: it has a meaning in targets or paths"),
        .init(
            "devices:\n  all: {host: a}", 2,
            "devices: the device name `all` is reserved: as a target it stands for every device"),
        .init("devices:\n  \"\": {host: a}", 2, "devices: the device name `` is empty"),
        .init(
            "groups:\n  a:b: {}", 2,
            "groups: the group name `a:b` must not contain `:`: it has a meaning in targets or paths"),
        .init(
            "defaults: {device_type: linux}\ndevices:\n  router1: {host: a}\ngroups:\n  g:\n    members:\n      - router1\n      - roter1",
            8,
            "groups.g.members: there is no device `roter1`; did you mean `router1`?"),
        .init(
            "devices:\n  r1:\n    host: a\n    groups:\n      - cor\n    device_type: x\ngroups:\n  core: {}", 5,
            "devices.r1.groups: there is no group `cor`; did you mean `core`?"),
        .init(
            "groups:\n  g: {tags: [a, 'b&&c']}", 2,
            "groups.g.tags[1]: must be a tag, or several that all hold, such as `edge&berlin`"),
        device("password: {env: NOT_SET}", "password.env: the environment variable `NOT_SET` is not set"),
        device("password: {env: EMPTY}", "password.env: the environment variable `EMPTY` is not set"),
        device("password: {vault: x}", "password.vault: must be a mapping (`key: value` lines), but is text"),
        .init(
            "devices:\n  r1: {host: a, device_type: linux, password: {vault: {path: a/data/b}}}", 2,
            "devices.r1.password.vault: the inventory has no section `vault` that says where it is"),
        device(
            "password: {vault: {field: b}}",
            "password.vault: `path` is missing: give a path such as `secret/data/network/core`"),
        device(
            "password: {vault: {path: v1/secret/data/x, field: b}}",
            "password.vault.path: must be written without `v1/`"),
        device(
            "password: {vault: {path: a/../b}}",
            "password.vault.path: must be a path such as `secret/data/network/core`"),
        device("password: {file: a, exec: [b]}", "password: \(secretForms): one of them"),
        device("password: {secret: a}", "password.secret: is unknown here: a secret \(secretForms)"),
        device("password: {}", "password: \(secretForms)"),
        device("password: {env: EMPTY, ttl: 5s}", "password.env: the environment variable `EMPTY` is not set"),
        device(
            "password: {file: a, ttl: soon}",
            "password.ttl: must be a time span such as `30`, `30s`, `500ms` or `2m`, but is `soon`"),
        device("password: {file: a, timeout: 5s}", "password.timeout: is unknown here"),
        device(
            "password: {exec: a}", "password.exec: must be a list (`[a, b]` or lines that begin with `-`), but is text"),
        device("password: {exec: []}", "password.exec: must be a list of program and arguments"),
        device("exec: {timeout: 5s}", "exec: `command` is missing: give a list of program and arguments"),
        .init(
            "devices:\n  r1: {host: a, exec: [a], vault: {path: a/b}}", 2,
            "devices.r1.vault: a credential comes from one place: keep `vault` or `exec`"),
        device(
            "vault: {path: a/b, field: c}",
            "vault: takes no `field` here: all parts of the credential come from there"),
        .init(
            "vault:\n  auth: {token: x}", 1,
            "vault: `address` is missing: give one such as `https://vault.example.net:8200`"),
        .init(
            "vault: {address: 'https://v:8200'}", 1,
            "vault: `auth` is missing: give `{token: {file: PATH}}` or `{approle: {role_id: …, secret_id: …}}`"),
        .init(
            "vault: {address: 'http://vault:8200'}", 1,
            "vault.address: must begin with `https://`: over `http://` everybody on the way could read the token"),
        .init(
            "vault: {address: 'https://root:x@vault'}", 1,
            "vault.address: must not hold a user or a password: give a token or an AppRole in `auth`"),
        .init(
            "vault: {address: 'https://vault/ui'}", 1,
            "vault.address: must be scheme, host and port, without a path"),
        .init(
            "vault: {address: vault}", 1, "vault.address: must be an address such as `https://vault.example.net:8200`"),
        .init("vault: {auth: {approle: {secret_id: x}}}", 1, "vault.auth.approle: `role_id` is missing"),
        .init("vault: {auth: {ldap: x}}", 1, "vault.auth.ldap: unknown key; known are `token`, `approle`"),
        .init(
            "vault: {auth: {token: {exec: [x]}}}", 1,
            "vault.auth.token: must be text, `{env: NAME}` or `{file: PATH}`"),

        device("jump_hosts: ['a b']", "jump_hosts[0]: must be a device of the inventory, or `user@host:port`"),
        device("jump_host: [r2]", "jump_host: unknown key; did you mean `jump_hosts`?"),
        .init(
            "defaults: {device_type: linux}\ndevices:\n  inside:\n    host: a\n    jump_hosts: [bastoin]\n  bastion: {host: b}",
            5,
            "devices.inside.jump_hosts: there is no device `bastoin`; did you mean `bastion`?"),

        // Sources.
        .init(
            "sources:\n  - {url: 'ftp://a', kind: netbox}", 2,
            "sources[0].url: must be an address that begins with `https://` or `http://`"),
        .init(
            "sources:\n  - {url: 'https://user:pw@a/', kind: netbox}", 2,
            "sources[0].url: must be without user and password: use `token`"),
        .init("sources:\n  - {url: 'https://a'}", 2, "sources[0]: `kind` is missing: `netbox` or `tether`"),
        .init("sources:\n  - {kind: tether}", 2, "sources[0]: `url` is missing"),
        .init(
            "sources:\n  - {url: 'https://a', kind: netbx}", 2,
            "sources[0].kind: must be one of `netbox`, `tether`, but is `netbx`; did you mean `netbox`?"),
        .init(
            "sources:\n  - {url: 'https://a', kind: tether, refresh: 0}", 2,
            "sources[0].refresh: must be from 1.0 seconds to 86400.0 seconds, but is `0`"),
        .init(
            "sources:\n  - {url: 'https://a', kind: tether}\n  - {url: 'https://a', kind: netbox}", 3,
            "sources[1]: this address is given twice; the first is at lab.yaml:2: keep one of them"),

        // YAML itself.
        .init(
            "devices:\n  r1: {host: a", 3, "is not YAML: while parsing a flow mapping: did not find expected ',' or '}'"
        ),
        .init("devices:\n  r1: *nowhere", 2, "is not YAML: found undefined alias"),
        .init(
            "devices: {}\n---\ndevices: {}", 2,
            "is not YAML: expected a single document in the stream: but found another document"),
    ]
}

private let secretForms =
    "must be text, `{env: NAME}`, `{file: PATH}`, `{exec: [PROGRAM, …]}` or `{vault: {path: PATH, field: NAME}}`"
