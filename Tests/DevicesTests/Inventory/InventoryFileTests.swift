import Foundation
import SSH
import Testing

@testable import Devices

@Suite("Inventory files")
struct InventoryFileTests {
    @Test("every section and key is read, groups and defaults applied")
    func everything() throws {
        let inventory = try Inventory(
            yaml: """
                general:
                  timeout: 45
                  connection_retries: 5
                  retry_delay: 500ms
                  ssh_strict_host_key_checking: true
                defaults:
                  user: automation
                  port: 2222
                  device_type: cisco_iosxe
                credentials:
                  netops: {user: netops, password: "123"}
                x-shared: &berlin
                  tags: [berlin]
                  description: in Berlin
                devices:
                  router1:
                    host: 192.0.2.1
                    tags: [edge, berlin]
                    user: admin
                    password: {env: ROUTER1}
                    enable_secret: "0815"
                    groups: [special]
                    host_key_policy: off
                  server1: {host: server1.example.net, device_type: linux, port: 22, private_key: /keys/a, private_key_passphrase: open}
                  v6: {host: "2001:db8::7", <<: *berlin}
                groups:
                  special: {user: group, device_type: arista_eos, port: 2022}
                  edges: {members: ["router?"], description: the edge, password: shared}
                  berlin: {tags: [berlin]}
                """,
            environment: ["ROUTER1": "secret"]
        )
        #expect(inventory.general.timeout == .seconds(45))
        #expect(inventory.general.connectionRetries == 5)
        #expect(inventory.general.retryDelay == .milliseconds(500))
        #expect(inventory.general.hostKeyPolicy == .strict)
        #expect(inventory.deviceNames == ["router1", "server1", "v6"])
        let router = try #require(inventory["router1"])
        #expect(
            router
                == Device(
                    name: "router1",
                    host: "192.0.2.1",
                    port: 2022,
                    platform: "arista_eos",
                    tags: ["edge", "berlin"],
                    credential: Credential(user: "admin", password: Secret("secret"), enableSecret: Secret("0815")),
                    hostKeyPolicy: .off
                )
        )
        let server = try #require(inventory["server1"])
        #expect(server.platform == "linux" && server.port == 22)
        #expect(server.credential == Credential(privateKey: .file("/keys/a"), passphrase: Secret("open")))
        #expect(inventory["v6"]?.port == 2222 && inventory["v6"]?.tags == ["berlin"])
        #expect(inventory.groupNames == ["special", "edges", "berlin"])
        #expect(inventory.group("berlin")?.members == ["router1", "v6"])
        #expect(inventory.groups(of: "router1").map(\.name) == ["special", "edges", "berlin"])
        #expect(inventory.namedCredentials["netops"]?.password == Secret("123"))
        #expect(inventory["router9"] == nil)
    }

    @Test(
        "an empty file and empty sections are an empty inventory",
        arguments: ["", "devices:\n", "devices: {}\ngroups:\n", "# nothing\n"])
    func empty(yaml: String) throws {
        #expect(try Inventory(yaml: yaml).deviceNames.isEmpty)
    }

    @Test(
        "durations have units",
        arguments: [
            ("30", .seconds(30)), ("30s", .seconds(30)), ("1.5", .milliseconds(1500)), ("2m", .seconds(120)),
            ("250ms", .milliseconds(250)), ("1h", .seconds(3600)), (#""30s""#, .seconds(30)),
        ] as [(String, Duration)]
    )
    func durations(text: String, expected: Duration) throws {
        #expect(try Inventory(yaml: "general: {timeout: \(text)}").general.timeout == expected)
    }

    @Test(
        "host key policies",
        arguments: [
            ("ssh_strict_host_key_checking: true", .strict), ("ssh_strict_host_key_checking: false", .acceptNew),
            ("host_key_policy: strict", .strict), ("host_key_policy: accept_new", .acceptNew),
            ("host_key_policy: off", .off),
        ] as [(String, HostKeyPolicy)]
    )
    func policies(yaml: String, expected: HostKeyPolicy) throws {
        #expect(try Inventory(yaml: "general: {\(yaml)}").general.hostKeyPolicy == expected)
    }

    @Test("sequences are lists for all platforms, or for each its own")
    func sequences() throws {
        let inventory = try Inventory(
            yaml: """
                sequences:
                  one: [show version]
                  two: {description: as elsewhere, commands: [show clock, show version]}
                  three: {cisco_iosxe: [show ip route], default: [show route]}
                """)
        #expect(
            inventory.sequences == [
                "one": ["default": ["show version"]], "two": ["default": ["show clock", "show version"]],
                "three": ["cisco_iosxe": ["show ip route"], "default": ["show route"]],
            ])
    }

    @Test("what works, but probably not as it was meant, is told")
    func warnings() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, user: u}
                devices:
                  r1: {host: 192.0.2.1, tags: [edge], password: a}
                  r2: {host: 192.0.2.1, platform: arista_eos}
                groups:
                  empty: {}
                  most: {members: [r1, "x-*"], tags: [egde, edge&none]}
                sequences:
                  health: {linx: [a], linux: [b]}
                """, file: "a.yaml")
        let check = try InventoryCheck(inventory, environmentPrefix: "TETHER", environment: [:])
        #expect(check.errors.isEmpty)
        #expect(
            check.warnings.map(\.description) == [
                "a.yaml:6: groups.empty: has no members",
                "a.yaml:7: groups.most.tags: no device has `egde`; did you mean `edge`?",
                "a.yaml:7: groups.most.tags: no device has `edge&none`",
                "a.yaml:7: groups.most.members: no device matches `x-*`",
                "a.yaml:3: r1, r2 share the address 192.0.2.1:22: each gets a session of its own",
                "a.yaml:4: no password or private key is known for r2, neither here nor in this environment",
                "a.yaml:9: sequences.health: there is no platform `linx`; did you mean `linux`?",
                "a.yaml:9: sequences.health: has no commands for arista_eos, nor for `default`",
            ])
        let given = try InventoryCheck(
            inventory, environmentPrefix: "TETHER", environment: ["TETHER_PASSWORD_R2": "x"])
        #expect(given.warnings.count == check.warnings.count - 1)
        let settings = inventory.effectiveSettings(
            of: "r2", environmentPrefix: "TETHER", environment: ["TETHER_PASSWORD_R2": "x"])
        #expect(
            settings?.first { $0.name == "password" }
                == EffectiveSetting(name: "password", value: "set", source: "environment TETHER_PASSWORD_R2"))
    }

    @Test("how sessions are kept comes from the device, then its groups in order, then the defaults")
    func sessionSettings() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, cli_keepalive: 10m, auth_domain: radius}
                auth_domains:
                  tacacs: {max_logins: 20, logins_per_second: 10}
                devices:
                  own: {host: 192.0.2.1, warm: false, cli_keepalive: 2m, groups: [first, second]}
                  grouped: {host: 192.0.2.2, groups: [second, first]}
                  plain: {host: 192.0.2.3}
                groups:
                  first: {warm: true, auth_domain: tacacs}
                  second: {auth_domain: other, cli_keepalive: 5m}
                """)
        let settings = { inventory[$0]?.session }
        #expect(settings("own") == SessionSettings(authDomain: "tacacs", isWarm: false, cliKeepalive: .seconds(120)))
        #expect(settings("grouped") == SessionSettings(authDomain: "tacacs", isWarm: true, cliKeepalive: .seconds(300)))
        #expect(settings("plain") == SessionSettings(authDomain: "radius", cliKeepalive: .seconds(600)))
        #expect(inventory.authDomains == ["tacacs": .init(maximumLogins: 20, loginsPerSecond: 10)])
    }

    @Test("how to connect comes from the device, then its groups, then the defaults")
    func connectionOptions() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, source_address: 192.0.2.1, silence_timeout: 2m}
                groups:
                  old: {legacy_algorithms: true, source_address: '2001:db8::1'}
                  older: {source_address: 192.0.2.9, silence_timeout: 1m}
                devices:
                  plain: {host: a}
                  grouped: {host: b, groups: [old]}
                  own: {host: c, groups: [old, older], legacy_algorithms: false, source_address: 192.0.2.3}
                """)
        let expected: [(String, ConnectionOptions)] = [
            ("plain", .init(sourceAddress: "192.0.2.1", silenceTimeout: .seconds(120))),
            (
                "grouped",
                .init(legacyAlgorithms: true, sourceAddress: "2001:db8::1", silenceTimeout: .seconds(120))
            ),
            ("own", .init(legacyAlgorithms: false, sourceAddress: "192.0.2.3", silenceTimeout: .seconds(60))),
        ]
        for (name, options) in expected { #expect(inventory[name]?.connection == options, "\(name)") }
        #expect(throws: InventoryError.self) {
            try Inventory(devices: [
                Device(name: "r", host: "a", platform: "linux", connection: .init(sourceAddress: "not an address"))
            ])
        }
    }

    @Test("each mistake is told with file, line, field and a way out", arguments: InventoryMistake.all)
    func mistakes(_ mistake: InventoryMistake) {
        #expect {
            _ = try Inventory(yaml: mistake.yaml, file: "lab.yaml", environment: ["EMPTY": ""])
        } throws: { error in
            guard let error = error as? InventoryError else { return false }
            let isRight =
                error.all == [
                    InventoryError(
                        file: "lab.yaml", line: mistake.line, column: error.column, message: mistake.message)
                ] && error.column != nil && error.code == "inventory.invalid"
            if !isRight { Issue.record("got: \(error)") }
            return isRight
        }
    }

    @Test("all mistakes are told at once, each with line and column, up to a bound")
    func severalMistakes() {
        let yaml = """
            general: {timout: 3}
            devices:
              r1:
                host: 192.0.2.1
                port: 0
                usr: x
              r2: {host: 300.1.2.3, device_type: linux}
              r3: {host: a, device_type: linux, groups: [nope]}
            groups:
              g: {members: [r9], prot: 1}
            """
        let error = #expect(throws: InventoryError.self) { try Inventory(yaml: yaml, file: "lab.yaml") }
        #expect(
            error?.description == """
                lab.yaml:1:11: general.timout: unknown key; did you mean `timeout`?
                lab.yaml:5:5: devices.r1.port: must be a whole number from 1 to 65535, but is 0
                lab.yaml:6:5: devices.r1.usr: unknown key; did you mean `user`?
                lab.yaml:7:8: devices.r2.host: is neither an IPv4 or IPv6 address nor a host name (letters, digits, `-`, `_` and `.`)
                lab.yaml:10:22: groups.g.prot: unknown key; did you mean `port`?
                lab.yaml:10:17: groups.g.members: there is no device `r9`; did you mean `r1`?
                lab.yaml:8:46: devices.r3.groups: there is no group `nope`
                """)
        let many = "devices:\n" + (0..<200).map { "  r\($0): {host: a, port: 0}\n" }.joined()
        let bounded = #expect(throws: InventoryError.self) { try Inventory(yaml: many) }
        #expect(bounded?.all.count == 50 && bounded?.omitted == 150)
        #expect(bounded?.description.hasSuffix("\nand 150 more") == true)
    }

    @Test(
        "the way to a device leads through the jump hosts of jump hosts; those that many share may be in the list themselves"
    )
    func jumpHosts() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, jump_hosts: [outer, inner]}
                devices:
                  outer: {host: a}
                  inner: {host: b}
                  inside: {host: c}
                  far: {host: d, jump_hosts: [inside]}
                  direct: {host: e, jump_hosts: []}
                  other: {host: f, jump_hosts: ["ops@198.51.100.1:2200", "192.0.2.9"]}
                  last: {host: 192.0.2.9}
                """)
        let expected = [
            "outer": [], "inner": ["outer"], "inside": ["outer", "inner"], "far": ["outer", "inner", "inside"],
            "direct": [], "other": ["198.51.100.1:2200", "last"], "last": ["outer", "inner"],
        ]
        for (name, way) in expected {
            let device = try #require(inventory[name])
            #expect(try inventory.way(to: device).get().map(\.name) == way, "\(name)")
        }
        let error = #expect(throws: InventoryError.self) {
            try Inventory(
                yaml:
                    "defaults: {device_type: linux}\ndevices:\n  a: {host: a, jump_hosts: [b]}\n  b: {host: b, jump_hosts: [c]}\n  c: {host: c, jump_hosts: [b]}",
                file: "lab.yaml")
        }
        #expect(
            error?.description == """
                lab.yaml:3:16: devices.a.jump_hosts: the way leads through `b` twice
                lab.yaml:4:16: devices.b.jump_hosts: the way leads through `b` twice
                lab.yaml:5:16: devices.c.jump_hosts: the way leads through `c` twice
                """)
    }

    @Test("where a file can't be read, what it may have said is not missed in the others")
    func unreadFile() throws {
        let directory = try TemporaryDirectory([
            "a.yaml": "defaults: {device_type: linux",
            "b.yaml": "devices: {r1: {host: a, groups: [core]}, r2: {host: a b}}",
        ])
        let error = #expect(throws: InventoryError.self) { try Inventory(path: directory.path) }
        #expect(error?.all.map(\.file) == ["\(directory.path)/a.yaml", "\(directory.path)/b.yaml"])
    }

    @Test("merge keys and aliases that multiply are bounded")
    func bombs() {
        var yaml = "x-0: &a0 {host: a, device_type: linux}\n"
        for index in 1...60 { yaml += "x-\(index): &a\(index) {<<: [*a\(index - 1), *a\(index - 1)]}\n" }
        let error = #expect(throws: InventoryError.self) {
            try Inventory(yaml: yaml + "devices: {r1: {<<: *a60}}")
        }
        #expect(error?.message.contains("merge keys (`<<`) lead through more than 8 mappings") == true)
        // Wide instead of deep: each mapping counts once.
        var wide = "x-0: &a0 {host: a, device_type: linux}\n"
        for index in 1...7 {
            let names = [String](repeating: "*a\(index - 1)", count: 12).joined(separator: ", ")
            wide += "x-\(index): &a\(index) {port: \(index), <<: [\(names)]}\n"
        }
        let start = ContinuousClock.now
        let device = try? Inventory(yaml: wide + "devices: {r1: {<<: *a6}}")["r1"]
        #expect(device?.host == "a" && device?.port == 6)
        #expect(.now - start < .seconds(2))
        // Lists of lists of lists are never gone through.
        var lists = "x-0: &a0 [a]\n"
        for index in 1...60 { lists += "x-\(index): &a\(index) [*a\(index - 1), *a\(index - 1)]\n" }
        #expect(throws: InventoryError.self) {
            try Inventory(yaml: lists + "devices: {r1: {host: a, device_type: linux, tags: *a60}}")
        }
    }

    @Test("a mistake never shows a password that somebody put in the wrong place")
    func noSecretInMessages() {
        for host in ["admin:hunter2@192.0.2.1", "192.0.2.1:hunter2"] {
            #expect {
                _ = try Inventory(yaml: "devices: {r1: {host: '\(host)', device_type: linux}}")
            } throws: {
                !String(describing: $0).contains("hunter2")
            }
        }
    }

    @Test("inventories made in code are held to the same rules")
    func inCode() throws {
        let good = Device(name: "r1", host: "192.0.2.1", platform: "linux")
        var bad: [Device] = []
        for (name, host, port) in [
            ("r 1", "a", 22), ("all", "a", 22), ("r1", "a b", 22), ("r1", "a", 0), ("r1", "a", 65536), ("", "a", 22),
        ] {
            bad.append(Device(name: name, host: host, port: port, platform: "linux"))
        }
        for device in bad { #expect(throws: InventoryError.self) { try Inventory(devices: [device]) } }
        #expect(throws: InventoryError.self) { try Inventory(devices: [good, good]) }
        #expect(throws: InventoryError.self) { try Inventory(devices: [good], groups: ["core": ["r2"]]) }
        let inventory = try Inventory(devices: [good], groups: ["core": ["r1"]])
        #expect(inventory.group("core")?.members == ["r1"])
    }

    @Test("a large inventory loads without quadratic work")
    func large() throws {
        // Debug builds are some ten times slower than release ones, in which 50,000 devices take less than three seconds.
        var yaml = "defaults: {user: automation, device_type: cisco_iosxe}\ndevices:\n"
        for index in 0..<5_000 {
            yaml += "  access-\(index): {host: 10.0.\(index / 256).\(index % 256), tags: [site-\(index % 50)]}\n"
        }
        yaml += "groups:\n"
        for index in 0..<50 { yaml += "  site-\(index): {tags: [site-\(index)]}\n" }
        var inventory: Inventory?
        let time = try ContinuousClock().measure { inventory = try Inventory(yaml: yaml) }
        #expect(inventory?.deviceCount == 5_000)
        #expect(inventory?.group("site-7")?.members.count == 100)
        #expect(time < .seconds(20))
    }
}

@Suite("Inventory directories")
struct InventoryDirectoryTests {
    @Test("all YAML files of a directory are one inventory; other files are not read")
    func merged() throws {
        let directory = try TemporaryDirectory([
            "10-general.yaml": "general: {timeout: 10}\ndefaults: {device_type: linux}",
            "20-core.yml": "devices: {r1: {host: a.example}}",
            "30-edge.yaml": "devices: {r2: {host: b.example}}\ngroups: {both: {members: [r1, r2]}}",
            "notes.txt": "not: [yaml",
            ".hidden.yaml": "not: [yaml",
        ])
        let inventory = try Inventory(path: directory.path)
        #expect(inventory.deviceNames == ["r1", "r2"])
        #expect(inventory.group("both")?.members == ["r1", "r2"])
        #expect(inventory.general.timeout == .seconds(10))
    }

    @Test("what two files both give is an error that names both places")
    func duplicates() throws {
        let devices = try TemporaryDirectory([
            "a.yaml": "defaults: {device_type: linux}\ndevices:\n  r1: {host: a.example}",
            "b.yaml": "devices:\n  r2: {host: c.example}\n  r1: {host: b.example}",
        ])
        let path = devices.path
        #expect(
            throws: InventoryError(
                file: "\(path)/b.yaml", line: 3, column: 3,
                message: "devices.r1: this device is given twice; the first is at \(path)/a.yaml:3: keep one of them")
        ) {
            try Inventory(path: path)
        }
        let settings = try TemporaryDirectory(["a.yml": "general:\n  timeout: 1", "b.yml": "general:\n\n  timeout: 2"])
        #expect(
            throws: InventoryError(
                file: "\(settings.path)/b.yml", line: 3, column: 3,
                message: "general.timeout: is given twice; the first is at \(settings.path)/a.yml:2: keep one of them")
        ) {
            try Inventory(path: settings.path)
        }
    }

    @Test(
        "places of secrets are read, and nothing is asked of them: paths are relative to the inventory, programs by name are not"
    )
    func secretPlaces() throws {
        let directory = try TemporaryDirectory([
            "a.yaml": """
            devices:
              r1: {host: a.example, device_type: linux, user: u, password: {file: secret, ttl: 1m}, private_key: {file: key}}
              r2: {host: b.example, device_type: linux, exec: {command: [./helper, a], timeout: 3s, ttl: 2m}}
              r3:
                host: c.example
                device_type: linux
                password: {vault: {path: secret/data/r3, field: pw}}
                enable_secret: {exec: [helper], timeout: 1s, field: en}
                private_key: {vault: {path: secret/data/r3}}
            """,
            "b.yaml": """
            vault:
              address: https://vault.example.net:8200
              namespace: net
              ca_file: ca.pem
              timeout: 2s
              ttl: 10m
              auth: {approle: {role_id: role, secret_id: {file: id}, mount: machines}}
            """,
        ])
        let inventory = try Inventory(path: directory.path)
        let r1 = try #require(inventory["r1"]?.credential)
        let file = SecretLocation(.file("\(directory.path)/secret"), timeToLive: .seconds(60))
        #expect(r1.passwordSource == .stored(file, fields: []) && r1.password == nil && r1.hasLoginSecret)
        #expect(r1.privateKey == .file("\(directory.path)/key"))
        let helper = SecretHelper(program: "\(directory.path)/helper", arguments: ["a"], timeLimit: .seconds(3))
        let r2 = try #require(inventory["r2"]?.credential)
        #expect(r2.origin == SecretLocation(.helper(helper), timeToLive: .seconds(120)))
        let r3 = try #require(inventory["r3"]?.credential)
        let path = SecretLocation(.vault(path: "secret/data/r3"))
        #expect(r3.passwordSource == .stored(path, fields: ["pw"]))
        #expect(
            r3.enableSource
                == .stored(
                    SecretLocation(.helper(SecretHelper(program: "helper", timeLimit: .seconds(1)))), fields: ["en"]))
        #expect(r3.keySource == .stored(path, fields: ["private_key"]))
        let secretID = SecretSource.stored(SecretLocation(.file("\(directory.path)/id")), fields: [])
        #expect(
            inventory.vault
                == VaultConfiguration(
                    address: "https://vault.example.net:8200", namespace: "net",
                    certificateFile: "\(directory.path)/ca.pem",
                    authentication: .appRole(roleID: .value(Secret("role")), secretID: secretID, mount: "machines"),
                    timeLimit: .seconds(2), timeToLive: .seconds(600)))
    }

    @Test("a path that isn't there and a directory without YAML are errors")
    func nothingThere() throws {
        #expect(throws: InventoryError(file: "/nowhere/at/all", message: "there is no such file or directory")) {
            try Inventory(path: "/nowhere/at/all")
        }
        let directory = try TemporaryDirectory(["a.txt": ""])
        #expect(
            throws: InventoryError(
                file: directory.path, message: "the directory holds no `*.yaml`, `*.yml` or `*.csv` file")
        ) {
            try Inventory(path: directory.path)
        }
    }
}

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        self.path = NSTemporaryDirectory() + "tether-devices-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        for (name, text) in files { try text.write(toFile: "\(self.path)/\(name)", atomically: true, encoding: .utf8) }
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}
