extension Inventory {
    /// What a list of target expressions stands for.
    public struct Resolution: Sendable, Hashable {
        /// Names in inventory order, each once.
        public var devices: [String]
        /// Ad-hoc targets (`user@host:port`, `[v6]:port`, with a user or a port, or an IP literal), parsed, in the order given.
        public var adHoc: [AdHocTarget]
        /// Expressions that stand for nothing, in the order given. What stood before `@` of an expression with a password in it is masked.
        public var unknown: [String]

        public init(devices: [String] = [], adHoc: [AdHocTarget] = [], unknown: [String] = []) {
            self.devices = devices
            self.adHoc = adHoc
            self.unknown = unknown
        }
    }

    /// What a list of target expressions stands for: device names without repetition in inventory order, ad-hoc targets, and the
    /// expressions that stand for nothing.
    ///
    /// | expression | stands for |
    /// |---|---|
    /// | `router1` | the device of this name |
    /// | `group:core` | the members of the group |
    /// | `tag:edge`, `tag:edge&berlin` | the devices with this tag, with all of these tags |
    /// | `all` | every device |
    /// | `access-*`, `core-?`, `pe[1-3]` | the devices whose names match |
    /// | `admin@192.0.2.7:2222`, `[2001:db8::7]:22`, `192.0.2.7`, `lab.example:22` | an address outside the inventory |
    ///
    /// The address of an inventory device without a user stands for that device. A second ad-hoc target for the same device, with another
    /// user, would be two tasks of one identity: it is given back in `unknown`.
    public func resolve(_ targets: [String]) -> Resolution {
        var resolution = Resolution()
        var indexes: [Int] = []
        var unknown = Set<String>()
        var adHoc: [AdHocTarget] = []
        var seen = Set<String>()
        for expression in targets {
            let text = expression.trimmingSpaces()
            guard seen.insert(text).inserted else { continue }
            let found = self.devices(for: text)
            if !found.isEmpty {
                indexes.append(contentsOf: found)
                // Many patterns for many devices must not fill the memory.
                if indexes.count > 4 * self.contents.devices.count {
                    indexes = Self.ascendingWithoutRepetition(indexes)
                }
            } else if let target = self.adHocTarget(text) {
                if target.user == nil, let index = self.contents.deviceIndex[target.name] {
                    indexes.append(index)
                } else {
                    adHoc.append(target)
                }
            } else if unknown.insert(text).inserted {
                resolution.unknown.append(Self.masked(text))
            }
        }

        // One name needs no sorting, and is what nearly every job has.
        if indexes.count > 1 { indexes = Self.ascendingWithoutRepetition(indexes) }
        resolution.devices = indexes.map { self.contents.devices[$0].name }

        var users: [String: String?] = [:]
        let named = adHoc.isEmpty ? [] : Set(resolution.devices)
        for target in adHoc {
            if named.contains(target.name) || (users[target.name].map { $0 != target.user } ?? false) {
                if unknown.insert(target.expression).inserted { resolution.unknown.append(target.expression) }
            } else if users.updateValue(target.user, forKey: target.name) == nil {
                resolution.adHoc.append(target)
            }
        }
        return resolution
    }

    /// Positions of the inventory's devices that one expression stands for, ascending.
    private func devices(for expression: String) -> [Int] {
        if let index = self.contents.deviceIndex[expression] { return [index] }
        if expression == "all" { return Array(self.contents.devices.indices) }
        if expression.hasPrefix("group:") {
            return self.contents.groupIndex[String(expression.dropFirst(6))].map { self.contents.groupMembers[$0] }
                ?? []
        }
        if expression.hasPrefix("tag:") {
            return TagExpression(expression.dropFirst(4))?.devices(in: self.contents.devicesByTag) ?? []
        }
        guard let glob = GlobPattern(expression) else { return [] }
        return self.contents.devices.indices.filter { glob.matches(self.contents.devices[$0].name) }
    }

    private static func ascendingWithoutRepetition(_ indexes: [Int]) -> [Int] {
        var result: [Int] = []
        result.reserveCapacity(indexes.count)
        for index in indexes.sorted() where result.last != index { result.append(index) }
        return result
    }

    /// Unknown expressions come back in results and logs: a password that somebody wrote into one must not.
    private static func masked(_ expression: String) -> String {
        guard let at = expression.lastIndex(of: "@"), let colon = expression[..<at].firstIndex(of: ":") else {
            return expression
        }
        return expression[...colon] + "••••" + expression[at...]
    }
}
