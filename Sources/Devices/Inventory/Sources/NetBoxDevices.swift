/// Turns NetBox's pages of devices or virtual machines (REST API, `/api/dcim/devices/`, `/api/virtualization/virtual-machines/`) into a list in our
/// own form.
///
/// Taken are active ones with a name and a primary address: name, address, platform, tags; site and role as the tags `site:…` and `role:…`.
struct NetBoxDevices {
    /// The objects of a JSON list, without its brackets.
    private var json: [UInt8] = []
    private(set) var count = 0
    private var leftOut: [(reason: String, count: Int, first: String)] = []
    private let source: InventorySource

    init(of source: InventorySource) {
        self.source = source
    }

    /// A JSON list.
    var list: [UInt8] { [UInt8(ascii: "[")] + self.json + [UInt8(ascii: "]")] }

    var notes: [String] {
        self.leftOut.map { reason, count, first in
            "\(count) \(count == 1 ? "device" : "devices") \(reason) left out, \(quoted(first))\(count == 1 ? "" : " the first")"
        }
    }

    /// Takes a page.
    ///
    /// - Returns: the address of the next one, if there is one.
    /// - Throws: for what is no such page.
    mutating func add(page: [UInt8]) throws(InventoryError) -> String? {
        let document = try InventoryDocument(json: page, file: self.source.name)
        guard let root = YAMLValue(document), case .mapping = root.node,
            let results = try Self.field("results", of: root)
        else { throw self.source.error("doesn't answer with a list of NetBox's: there are no `results` in it") }
        for item in try results.items() { try self.add(item) }
        guard let next = try Self.field("next", of: root) else { return nil }
        return try next.string()
    }

    private mutating func add(_ item: YAMLValue) throws(InventoryError) {
        guard let name = try Self.field("name", of: item)?.string(), !name.isEmpty else {
            let id = try Self.field("id", of: item)?.integer(in: 0...Int.max)
            return self.leaveOut("without a name", id.map { "id \($0)" } ?? "?")
        }
        let status = try Self.field("status", of: item)
        let state: String? =
            if let status, case .mapping = status.node { try Self.text("value", of: status) } else {
                try status?.string()
            }
        guard state == nil || state == "active" else { return }
        if InventoryName.problem(with: name) != nil { return self.leaveOut("whose names can't be device names", name) }
        guard let address = try Self.field("primary_ip", of: item), let text = try Self.text("address", of: address)
        else {
            return self.leaveOut("without a primary address", name)
        }
        let host = String(text.prefix { $0 != "/" })
        guard HostName.problem(with: host) == nil else { return self.leaveOut("whose addresses are none", name) }

        var tags: [String] = []
        for tag in try Self.field("tags", of: item)?.items() ?? [] {
            if let slug = try Self.text("slug", of: tag) { tags.append(slug) }
        }
        if let site = try Self.slug("site", of: item) { tags.append("site:\(site)") }
        var role = try Self.slug("role", of: item)
        // Before version 3.6.
        if role == nil { role = try Self.slug("device_role", of: item) }
        if let role { tags.append("role:\(role)") }
        let platform = try Self.slug("platform", of: item).map {
            self.source.platforms[$0] ?? ForeignPlatform.platform($0)
        }
        self.write(name, host, platform, tags.filter { TagExpression.problem(withTag: $0) == nil })
    }

    private mutating func write(_ name: String, _ host: String, _ platform: String?, _ tags: [String]) {
        if self.count > 0 { self.json.append(contentsOf: ",\n".utf8) }
        self.count += 1
        self.json.append(contentsOf: "{\"name\":".utf8)
        JSONText.append(name, to: &self.json)
        self.json.append(contentsOf: ",\"host\":".utf8)
        JSONText.append(host, to: &self.json)
        if let platform {
            self.json.append(contentsOf: ",\"device_type\":".utf8)
            JSONText.append(platform, to: &self.json)
        }
        self.json.append(contentsOf: ",\"tags\":[".utf8)
        for (index, tag) in tags.enumerated() {
            if index > 0 { self.json.append(UInt8(ascii: ",")) }
            JSONText.append(tag, to: &self.json)
        }
        self.json.append(contentsOf: "]}".utf8)
    }

    private mutating func leaveOut(_ reason: String, _ name: String) {
        guard let index = self.leftOut.firstIndex(where: { $0.reason == reason }) else {
            return self.leftOut.append((reason, 1, name))
        }
        self.leftOut[index].count += 1
    }

    /// A field that is there and says something.
    private static func field(_ name: String, of item: YAMLValue) throws(InventoryError) -> YAMLValue? {
        guard let value = try item.fields().first(where: { $0.key == name })?.value, !value.isNull else { return nil }
        return value
    }

    private static func text(_ name: String, of item: YAMLValue) throws(InventoryError) -> String? {
        try self.field(name, of: item)?.string()
    }

    private static func slug(_ name: String, of item: YAMLValue) throws(InventoryError) -> String? {
        guard let object = try self.field(name, of: item) else { return nil }
        return try self.text("slug", of: object)
    }
}
