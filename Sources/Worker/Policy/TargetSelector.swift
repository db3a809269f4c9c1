import Devices

/// A device as a policy sees it.
package struct PolicyTarget: Sendable {
    /// Inventory name, or `host:port`.
    var name: String
    var host: String
    var tags: Set<String>
    var groups: Set<String>
    /// `false`: an address that somebody wrote into a job.
    var isInInventory: Bool

    init(name: String, host: String, tags: Set<String> = [], groups: Set<String> = [], isInInventory: Bool = true) {
        self.name = name
        self.host = host
        self.tags = tags
        self.groups = groups
        self.isInInventory = isInInventory
    }

    package init(_ device: Device, in inventory: Inventory) {
        self.init(
            name: device.name, host: device.host, tags: device.tags,
            groups: Set(inventory.groups(of: device.name).map(\.name)))
    }

    /// The address of a device of the inventory stands for that device.
    package init(_ target: Inventory.AdHocTarget, in inventory: Inventory) {
        if let known = inventory[target.name] {
            self.init(known, in: inventory)
        } else {
            self.init(name: target.name, host: target.host, isInInventory: false)
        }
    }
}

/// Which devices a rule is about.
enum TargetSelector: Sendable, Hashable {
    /// Every device of the inventory.
    case all
    /// By name, in the inventory.
    case name(NamePattern)
    case group(String)
    case tags(Set<String>)
    /// Devices, of the inventory or not, whose `host` is an address of the range.
    case network(AddressRange)
    /// Addresses outside the inventory, by host name.
    case host(NamePattern)

    /// - Returns: `nil` for a text that can't be one, such as `group:` alone.
    init?(_ text: String) {
        if text == "all" {
            self = .all
        } else if let name = Self.rest(of: text, after: "group:") {
            guard !name.isEmpty else { return nil }
            self = .group(name)
        } else if let tags = Self.rest(of: text, after: "tag:") {
            guard let expression = TagExpression(tags) else { return nil }
            self = .tags(Set(expression.tags))
        } else if let host = Self.rest(of: text, after: "host:") {
            guard !host.isEmpty else { return nil }
            self = .host(NamePattern(host.lowercased()))
        } else if let range = AddressRange(text) {
            self = .network(range)
        } else {
            guard !text.isEmpty, !text.contains("/"), !text.contains("@"), !text.contains(where: \.isWhitespace) else {
                return nil
            }
            self = .name(NamePattern(text))
        }
    }

    func matches(_ target: PolicyTarget) -> Bool {
        switch self {
        case .all: target.isInInventory
        case .name(let pattern): target.isInInventory && pattern.matches(target.name)
        case .group(let name): target.groups.contains(name)
        case .tags(let tags): target.isInInventory && tags.isSubset(of: target.tags)
        case .network(let range): HostAddress(target.host).map { range.contains($0) } ?? false
        case .host(let pattern): !target.isInInventory && pattern.matches(target.host.lowercased())
        }
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}
