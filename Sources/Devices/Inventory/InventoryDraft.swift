/// An inventory as written, before groups and defaults are applied.
struct InventoryDraft {
    var general = Inventory.General()
    var generalSettings: [SettingPlace] = []
    var defaults = Inventory.Defaults()
    var credentials: [String: Credential] = [:]
    var vault: VaultConfiguration?
    var authDomains: [String: LoginPolicy.Domain] = [:]
    /// By name, then by platform or `default`.
    var sequences: [String: [String: [String]]] = [:]
    var sequencePlaces: [String: InventoryPlace] = [:]
    private(set) var devices: [DeviceDraft] = []
    private(set) var groups: [GroupDraft] = []
    private var devicePlaces: [String: InventoryPlace?] = [:]
    private var groupPlaces: [String: InventoryPlace?] = [:]

    mutating func add(_ device: DeviceDraft) throws(InventoryError) {
        if let problem = InventoryName.problem(with: device.name) {
            throw InventoryError(device.place, "devices", "the device name \(quoted(device.name)) \(problem)")
        }
        if let first = self.devicePlaces.updateValue(device.place, forKey: device.name) {
            throw InventoryError(device.place, "devices.\(device.name)", Self.duplicate("device", first))
        }
        self.devices.append(device)
    }

    mutating func add(_ group: GroupDraft) throws(InventoryError) {
        if let problem = InventoryName.problem(with: group.name) {
            throw InventoryError(group.place, "groups", "the group name \(quoted(group.name)) \(problem)")
        }
        if let first = self.groupPlaces.updateValue(group.place, forKey: group.name) {
            throw InventoryError(group.place, "groups.\(group.name)", Self.duplicate("group", first))
        }
        self.groups.append(group)
    }

    func hasGroup(_ name: String) -> Bool { self.groupPlaces.keys.contains(name) }

    static func duplicate(_ kind: String, _ first: InventoryPlace?) -> String {
        "this \(kind) is given twice" + (first.map { "; the first is at \($0)" } ?? "") + ": keep one of them"
    }
}

struct DeviceDraft {
    var name: String
    var place: InventoryPlace?
    var host: String
    var port: Int?
    var platform: String?
    var tags: Set<String> = []
    var groups: [(name: String, place: InventoryPlace?)] = []
    var credential = Credential()
    var connection = ConnectionOptions()
    var hostKeyPolicy: HostKeyPolicy?
    var hostKeyFingerprint: String?
    var session = SessionSettings()
    /// Where what is said of it stands.
    var settings: [SettingPlace] = []
    /// They have been told: what follows from them needn't be.
    var hasMistakes = false

    init(name: String, place: InventoryPlace?, host: String) {
        self.name = name
        self.place = place
        self.host = host
    }

    /// - Throws: for a host, port or tag that can't be.
    init(_ device: Device) throws(InventoryError) {
        func check(_ field: String, _ problem: String?) throws(InventoryError) {
            if let problem { throw InventoryError(nil, "devices.\(device.name).\(field)", problem) }
        }
        try check("host", HostName.problem(with: device.host))
        try check("port", (1...65535).contains(device.port) ? nil : "must be a number from 1 to 65535")
        for tag in device.tags { try check("tags", TagExpression.problem(withTag: tag)) }
        self.init(name: device.name, place: nil, host: device.host)
        self.port = device.port
        self.platform = device.platform
        self.tags = device.tags
        self.credential = device.credential
        try check("source_address", device.connection.sourceAddress.flatMap(ConnectionOptions.problem(withSource:)))
        for hop in device.connection.jumpHosts ?? [] {
            try check("jump_hosts", ConnectionOptions.problem(withJumpHost: hop))
        }
        self.connection = device.connection
        self.hostKeyPolicy = device.hostKeyPolicy
        self.hostKeyFingerprint = device.hostKeyFingerprint
        self.session = device.session
    }
}

struct GroupDraft {
    var name: String
    var place: InventoryPlace?
    /// Device names and globs.
    var members: [(pattern: String, place: InventoryPlace?)] = []
    /// A device that one of these holds for is a member.
    var tags: [(expression: TagExpression, place: InventoryPlace?)] = []
    var port: Int?
    var platform: String?
    var credential = Credential()
    var session = SessionSettings()
    var connection = ConnectionOptions()
    var settings: [SettingPlace] = []

    init(name: String, place: InventoryPlace? = nil, members: [String] = []) {
        self.name = name
        self.place = place
        self.members = members.map { ($0, nil) }
    }
}

/// Text from a file or a caller, as it may stand in a message: escaped, and of bounded length.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(80).reduce(into: "") { result, scalar in
        result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return "`\(shown)\(text.unicodeScalars.count > 80 ? "…" : "")`"
}
