/// The files of a Nornir inventory (SimpleInventory, nornir.readthedocs.io/en/latest/tutorial/inventory.html): hosts, groups that hosts inherit
/// from, and defaults. `groups.yaml` and `defaults.yaml` are known by their names, as in Nornir; any other file of the form holds hosts, and so
/// does Containerlab's `nornir-simple-inventory.yml`.
struct NornirFiles {
    private(set) var hosts: [YAMLValue.Field] = []
    /// `nil`: there is no file of groups; those that hosts name then simply are.
    private(set) var groups: [YAMLValue.Field]?
    private(set) var defaults: [YAMLValue.Field] = []

    private static let keys: Set<String> = [
        "name", "hostname", "port", "username", "password", "platform", "groups", "data", "connection_options",
    ]

    /// Whether a file's fields are of this form.
    static func holds(_ fields: [YAMLValue.Field], file: String) -> Bool {
        let name = self.name(of: file)
        if name == "defaults" { return !fields.isEmpty && fields.allSatisfy { self.keys.contains($0.key) } }
        var isAnythingSaid = name == "groups" && !fields.isEmpty
        for field in fields {
            guard let entry = try? field.value.fields(), entry.allSatisfy({ self.keys.contains($0.key) }) else {
                return false
            }
            isAnythingSaid = isAnythingSaid || !entry.isEmpty
        }
        return isAnythingSaid
    }

    mutating func add(_ fields: [YAMLValue.Field], file: String) {
        switch Self.name(of: file) {
        case "groups": self.groups = (self.groups ?? []) + fields
        case "defaults": self.defaults += fields
        default: self.hosts += fields
        }
    }

    /// A file's name without folder and ending.
    private static func name(of file: String) -> Substring {
        let name = file[(file.lastIndex(of: "/").map { file.index(after: $0) } ?? file.startIndex)...]
        return name.prefix { $0 != "." }
    }
}

/// What Nornir's files say of one host, group, or of all by default.
struct NornirEntry {
    /// By our own keys.
    var own: [String: YAMLValue] = [:]
    /// From `connection_options`, which go before everything that isn't said there, of whomever it is said.
    var connection: [String: YAMLValue] = [:]
    var groups: [YAMLValue] = []
    /// Keys of `connection_options` that nothing comes of.
    var ignored: [YAMLValue] = []

    private static let attributes = [
        "hostname": "host", "port": "port", "username": "user", "password": "password", "platform": "device_type",
    ]
    /// Connection plugins over SSH, the first that says something counts.
    private static let plugins = ["scrapli", "netmiko", "paramiko", "ssh", "napalm"]
    private static let extras = [
        "auth_private_key": "private_key", "key_file": "private_key",
        "auth_private_key_passphrase": "private_key_passphrase",
        "passphrase": "private_key_passphrase", "auth_secondary": "enable_secret", "secret": "enable_secret",
        "port": "port",
        "auth_strict_key": "host_key_policy",
    ]

    init(_ fields: [YAMLValue.Field]) throws(InventoryError) {
        for field in fields where !field.value.isNull {
            switch field.key {
            case "groups": self.groups = try field.value.items()
            case "data":
                for item in try field.value.fields() where item.key == "tags" { self.own["tags"] = item.value }
            case "connection_options":
                let plugins = try field.value.fields()
                for name in Self.plugins {
                    if let plugin = plugins.first(where: { $0.key == name }) {
                        try self.take(try plugin.value.fields())
                    }
                }
            default: if let key = Self.attributes[field.key] { self.own[key] = field.value }
            }
        }
    }

    private mutating func take(_ plugin: [YAMLValue.Field]) throws(InventoryError) {
        for field in plugin where !field.value.isNull {
            if let key = Self.attributes[field.key] {
                self.connection[key] = self.connection[key] ?? field.value
            } else if field.key == "extras" {
                for extra in try field.value.fields() where !extra.value.isNull {
                    if extra.key == "optional_args" {
                        try self.take(extras: try extra.value.fields())
                    } else {
                        try self.take(extras: [extra])
                    }
                }
            }
        }
    }

    private mutating func take(extras: [YAMLValue.Field]) throws(InventoryError) {
        for extra in extras where !extra.value.isNull {
            if let key = Self.extras[extra.key] {
                self.connection[key] = self.connection[key] ?? extra.value
            } else {
                self.ignored.append(extra.value)
            }
        }
    }
}
