/// Where something stands in an inventory's files. Small: a large inventory has hundreds of thousands.
struct InventoryPlace: Sendable, Hashable, CustomStringConvertible {
    /// A file's path, or the address of a source without its query.
    var file: String
    private var storedLine: UInt32
    private var storedColumn: UInt32

    /// Both counted from 1.
    init(file: String, line: Int? = nil, column: Int? = nil) {
        self.file = file
        self.storedLine = UInt32(clamping: line ?? 0)
        self.storedColumn = UInt32(clamping: column ?? 0)
    }

    var line: Int? { self.storedLine == 0 ? nil : Int(self.storedLine) }
    /// In characters.
    var column: Int? { self.storedColumn == 0 ? nil : Int(self.storedColumn) }

    /// `inventory/core.yaml:12`
    var description: String { self.line.map { "\(self.file):\($0)" } ?? self.file }
}
