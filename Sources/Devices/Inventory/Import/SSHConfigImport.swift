/// Makes an inventory of an OpenSSH client configuration: a device for each name in its `Host` lines.
///
/// The rule is OpenSSH's own: of all lines that hold for a host, the first that gives a value gives it.
package struct SSHConfigImport {
    /// The inventory, as YAML.
    package private(set) var yaml = ""
    /// What isn't taken, and why.
    package private(set) var warnings: [InventoryWarning] = []
    package private(set) var deviceCount = 0

    private let file: SSHConfigFile
    private let names: Set<String>
    /// Keywords that aren't taken: the place of the first, and how many there are.
    private var ignored: [String: (place: InventoryPlace, count: Int)] = [:]

    /// Matches no pattern but `*` and the like: what holds for it holds for all.
    private static let nobody = "\u{1}"

    /// Keywords that say nothing about how to get to a device.
    private static let meaningless: Set<String> = [
        "addkeystoagent", "batchmode", "checkhostip", "controlmaster", "controlpath", "controlpersist", "escapechar",
        "exitonforwardfailure", "forwardagent", "forwardx11", "forwardx11trusted", "gssapiauthentication",
        "gssapidelegatecredentials",
        "hashknownhosts", "ignoreunknown", "loglevel", "numberofpasswordprompts", "permitlocalcommand", "requesttty",
        "sendenv", "setenv",
        "tcpkeepalive", "updatehostkeys", "usekeychain", "visualhostkey",
    ]
    private static let algorithmKeywords: Set<String> = [
        "hostkeyalgorithms", "kexalgorithms", "ciphers", "macs", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes",
    ]
    /// What only `legacy_algorithms` offers.
    private static let legacyAlgorithms = ["ssh-rsa", "ssh-dss", "-sha1", "-cbc", "hmac-md5"]

    /// - Parameters:
    ///   - path: The configuration's file.
    ///   - deviceType: The platform of all devices: the configuration doesn't say.
    /// - Throws: the mistakes in the file.
    package init(path: String, deviceType: String) throws(InventoryError) {
        self.file = try SSHConfigFile(path: path)
        self.names = Set(self.file.names.map(\.name))
        self.warnings = self.file.warnings
        self.write(deviceType: deviceType, path: path)
        for (keyword, ignored) in self.ignored.sorted(by: { $0.key < $1.key }) {
            let others = ignored.count > 1 ? " (\(ignored.count) times)" : ""
            self.warnings.append(InventoryWarning(ignored.place, "\(quoted(keyword)) isn't taken\(others)"))
        }
    }

    private mutating func write(deviceType: String, path: String) {
        let common = self.settings(for: Self.nobody)
        self.yaml = "# From \(path.filter { !$0.isNewline }).\ndefaults:\n  device_type: \(Self.scalar(deviceType))\n"
        for (key, value) in common { self.yaml += "  \(key): \(value)\n" }
        var devices = ""
        for (name, place) in self.file.names {
            if let problem = InventoryName.problem(with: name) {
                self.warnings.append(InventoryWarning(place, "\(quoted(name)) can't be a device's name: it \(problem)"))
                continue
            }
            let host = self.host(of: name)
            if let problem = HostName.problem(with: host) {
                self.warnings.append(InventoryWarning(place, "\(quoted(name)): its address \(quoted(host)) \(problem)"))
                continue
            }
            let own = self.settings(for: name).filter { setting in !common.contains { $0 == setting } }
            let fields = [("host", Self.scalar(host))] + own
            devices += "  \(Self.scalar(name)): {\(fields.map { "\($0.0): \($0.1)" }.joined(separator: ", "))}\n"
            self.deviceCount += 1
        }
        self.yaml += devices.isEmpty ? "devices: {}\n" : "devices:\n\(devices)"
    }

    /// The first value for a keyword.
    private func value(_ keyword: String, for name: String) -> SSHConfigFile.Line? {
        self.file.lines.first { $0.keyword == keyword && $0.holds(for: name) }
    }

    private func host(of name: String) -> String {
        guard let line = self.value("hostname", for: name) else { return name }
        return line.arguments[0].replacing("%h", with: name).replacing("%%", with: "%")
    }

    /// Our keys and their values as YAML, in a fixed order.
    private mutating func settings(for name: String) -> [(String, String)] {
        var found: [String: String] = [:]
        var seen = Set<String>()
        for line in self.file.lines where line.holds(for: name) {
            // Host keys and agents are a matter of each line; of all others the first counts.
            guard seen.insert(line.keyword).inserted || Self.algorithmKeywords.contains(line.keyword) else { continue }
            let value = line.arguments[0]
            switch line.keyword {
            case "hostname": continue
            case "user": found["user"] = Self.scalar(value)
            case "port":
                if let port = Int(value), (1...65535).contains(port) {
                    found["port"] = String(port)
                } else {
                    self.ignore(line)
                }
            case "identityfile":
                if value.contains("%") || value.lowercased() == "none" {
                    self.ignore(line)
                } else {
                    found["private_key"] = Self.scalar(value)
                }
            case "bindaddress":
                if ConnectionOptions.problem(withSource: value) == nil {
                    found["source_address"] = Self.scalar(value)
                } else {
                    self.ignore(line)
                }
            case "proxyjump":
                // Whichever of the two stands first; `none` ends the search as well.
                guard !seen.contains("proxycommand") else { continue }
                found["jump_hosts"] = self.jumpHosts(value, line)
            case "proxycommand":
                guard !seen.contains("proxyjump"), value.lowercased() != "none" else { continue }
                self.warnings.append(
                    InventoryWarning(
                        line.place,
                        "`ProxyCommand` isn't taken"
                            + (name == Self.nobody
                                ? "" : ": \(quoted(name)) is to be reached directly or with `jump_hosts`")))
            case "stricthostkeychecking":
                switch value.lowercased() {
                case "yes": found["host_key_policy"] = "strict"
                case "accept-new": found["host_key_policy"] = "accept_new"
                case "no", "off": found["host_key_policy"] = "off"
                default: break
                }
            case let keyword where Self.algorithmKeywords.contains(keyword):
                // Without what is removed from the defaults.
                let isLegacy =
                    !value.hasPrefix("-")
                    && Self.legacyAlgorithms.contains { legacy in
                        value.split(separator: ",").contains { $0.hasSuffix(legacy) || $0 == "+\(legacy)" }
                    }
                if isLegacy { found["legacy_algorithms"] = "true" } else { self.ignore(line) }
            case let keyword where Self.meaningless.contains(keyword): continue
            default: self.ignore(line)
            }
        }
        // The defaults of an inventory have no policy: `general` has.
        if name == Self.nobody { found["host_key_policy"] = nil }
        let order = [
            "port", "user", "private_key", "jump_hosts", "source_address", "legacy_algorithms", "host_key_policy",
        ]
        return order.compactMap { key in found[key].map { (key, $0) } }
    }

    private mutating func ignore(_ line: SSHConfigFile.Line) {
        // The same line holds for many hosts.
        if let known = self.ignored[line.keyword] {
            if known.place != line.place { self.ignored[line.keyword]?.count += 1 }
        } else {
            self.ignored[line.keyword] = (line.place, 1)
        }
    }

    /// `[user@]host[:port]` or `ssh://…`, separated by commas; the first is reached directly. A name of the configuration stands for its device.
    private mutating func jumpHosts(_ value: String, _ line: SSHConfigFile.Line) -> String {
        guard value.lowercased() != "none" else { return "[]" }
        var hops: [String] = []
        for part in value.split(separator: ",") {
            let text = part.hasPrefix("ssh://") ? String(part.dropFirst(6)) : String(part)
            if self.names.contains(text), InventoryName.problem(with: text) == nil {
                hops.append(text)
                continue
            }
            guard
                var target = Inventory.empty.adHocTarget(text.contains("@") || text.contains(":") ? text : "\(text):22")
            else {
                self.warnings.append(InventoryWarning(line.place, "`ProxyJump \(quoted(text))` isn't taken"))
                continue
            }
            // What the configuration says of the name holds for the jump as well.
            if self.names.contains(target.host) {
                let name = target.host
                target.user = target.user ?? self.value("user", for: name)?.arguments[0]
                if !text.contains(":"), let port = self.value("port", for: name).flatMap({ Int($0.arguments[0]) }) {
                    target.port = port
                }
                target.host = self.host(of: name)
            }
            let host = target.host.contains(":") ? "[\(target.host)]" : target.host
            hops.append("\(target.user.map { "\($0)@" } ?? "")\(host):\(target.port)")
        }
        return "[\(hops.map(Self.scalar).joined(separator: ", "))]"
    }

    /// Text as a YAML scalar, in quotes where it would be anything else without.
    static func scalar(_ text: String) -> String {
        let isPlain =
            YAMLValue.ScalarKind(plain: text) == .text
            && text.first.map { $0.isLetter || $0.isNumber || $0 == "/" } == true
            && text.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", "/", "~": true
                default: false
                }
            }
        guard !isPlain else { return text }
        var json: [UInt8] = []
        JSONText.append(text, to: &json)
        return String(decoding: json, as: UTF8.self)
    }
}
