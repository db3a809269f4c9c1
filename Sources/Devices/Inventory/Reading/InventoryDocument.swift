/// What a file says, whatever its syntax, as a tree in two arrays: objects for each value would take hundreds of megabytes for tens of thousands
/// of devices.
///
/// Written once by a reader of its syntax, then read through ``YAMLValue``. Not for more than one task.
final class InventoryDocument {
    enum Kind: UInt8 {
        /// A scalar whose type YAML's rules decide.
        case plain
        /// A scalar that is text.
        case quoted
        /// A cell of a table: text, number or list as its column wants it.
        case cell
        case mapping
        case sequence
        /// Stands for the node at `first`.
        case alias
    }

    /// In the order of the text: a mapping or sequence is followed by its content.
    struct Node {
        var kind: Kind
        var column: UInt16
        var line: UInt32
        /// Of a scalar: where its text begins. Of a mapping or sequence: the position behind its content. Of an alias: its target.
        var first: UInt32
        /// Of a scalar: the bytes of its text. Else: how many children it has (a mapping's keys count).
        var count: UInt32
    }

    let file: String
    private(set) var nodes: [Node] = []
    private var text: [UInt8] = []
    /// Positions of the mappings and sequences that are being written.
    private var open: [Int] = []

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { self.nodes.isEmpty }
    /// Mappings and sequences around what is written next.
    var depth: Int { self.open.count }

    // MARK: Writing

    private func add(_ kind: Kind, _ first: Int, _ count: Int, line: Int, column: Int) -> Int {
        if let parent = self.open.last { self.nodes[parent].count += 1 }
        self.nodes.append(
            Node(
                kind: kind, column: UInt16(clamping: column), line: UInt32(clamping: line),
                first: UInt32(clamping: first),
                count: UInt32(clamping: count)))
        return self.nodes.count - 1
    }

    /// - Returns: the node's position.
    @discardableResult
    func scalar(_ kind: Kind, _ bytes: some Collection<UInt8>, line: Int, column: Int) -> Int {
        let start = self.text.count
        self.text.append(contentsOf: bytes)
        return self.add(kind, start, self.text.count - start, line: line, column: column)
    }

    @discardableResult
    func begin(_ kind: Kind, line: Int, column: Int) -> Int {
        let position = self.add(kind, 0, 0, line: line, column: column)
        self.open.append(position)
        return position
    }

    /// - Returns: the position of the mapping or sequence that ends.
    @discardableResult
    func end() -> Int {
        guard let position = self.open.popLast() else { return 0 }
        self.nodes[position].first = UInt32(clamping: self.nodes.count)
        return position
    }

    func alias(of target: Int, line: Int, column: Int) {
        _ = self.add(.alias, target, 0, line: line, column: column)
    }

    // MARK: Reading

    func string(_ node: Node) -> String {
        self.text.withUnsafeBufferPointer { text in
            String(
                decoding: UnsafeBufferPointer(rebasing: text[Int(node.first)..<Int(node.first + node.count)]),
                as: UTF8.self)
        }
    }

    /// The position behind a node and its content.
    func end(of position: Int) -> Int {
        let node = self.nodes[position]
        return node.kind == .mapping || node.kind == .sequence ? Int(node.first) : position + 1
    }

    /// What an alias stands for; any other position as it is. No alias stands for an alias: the text is resolved as it is read.
    func resolved(_ position: Int) -> Int {
        self.nodes[position].kind == .alias ? Int(self.nodes[position].first) : position
    }
}
