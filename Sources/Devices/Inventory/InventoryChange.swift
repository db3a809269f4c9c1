/// What a new inventory changes of the one before it.
public struct InventoryChange: Sendable, Hashable {
    /// Names, in the order of the inventories.
    public var added: [String]
    public var removed: [String]
    /// Devices whose entry, with groups and defaults applied, or whose credential differs.
    public var changed: [String]
    /// Devices that there are now.
    public var deviceCount: Int

    public init(added: [String] = [], removed: [String] = [], changed: [String] = [], deviceCount: Int = 0) {
        self.added = added
        self.removed = removed
        self.changed = changed
        self.deviceCount = deviceCount
    }

    /// No device has changed. Groups, sequences and the like still may have.
    public var isEmpty: Bool { self.added.isEmpty && self.removed.isEmpty && self.changed.isEmpty }

    /// The first names, each with `+`, `-` or `~` before it.
    package func names(atMost limit: Int) -> [String] {
        let all = [("+", self.added), ("-", self.removed), ("~", self.changed)].lazy
            .flatMap { sign, names in names.lazy.map { sign + $0 } }
        return Array(all.prefix(limit))
    }
}
