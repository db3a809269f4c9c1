import Yams

/// A place in a definition's YAML, which knows its file and key for messages.
struct DefinitionNode {
    let node: Node
    let file: String
    let path: String

    func error(_ expectation: String) -> PlatformError {
        var place = self.file
        if let line = self.node.mark?.line { place += ":\(line)" }
        return PlatformError(message: "\(place): \(self.path.isEmpty ? "" : "\(self.path): ")\(expectation)")
    }

    /// The text of a scalar as it is written: `no`, `1` and `~` are texts here, whatever YAML's types make of them.
    func string() throws(PlatformError) -> String {
        guard case .scalar(let scalar) = self.node else { throw self.error("expected a text") }
        return scalar.string
    }

    func nonEmptyString() throws(PlatformError) -> String {
        let text = try self.string()
        guard !text.isEmpty else { throw self.error("expected a text that is not empty") }
        return text
    }

    func bool() throws(PlatformError) -> Bool {
        guard let value = self.node.bool else { throw self.error("expected true or false") }
        return value
    }

    func int(in range: ClosedRange<Int>) throws(PlatformError) -> Int {
        guard let value = self.node.int, range.contains(value) else {
            throw self.error("expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func choice<Value>(_ choices: [(String, Value)]) throws(PlatformError) -> Value {
        let text = try self.string()
        guard let choice = choices.first(where: { $0.0 == text }) else {
            throw self.error("expected one of \(choices.map(\.0).joined(separator: ", ")), not “\(text)”")
        }
        return choice.1
    }

    func list() throws(PlatformError) -> [DefinitionNode] {
        guard let sequence = self.node.sequence else { throw self.error("expected a list") }
        return sequence.enumerated().map { index, node in
            DefinitionNode(node: node, file: self.file, path: "\(self.path)[\(index)]")
        }
    }

    func strings() throws(PlatformError) -> [String] {
        var strings: [String] = []
        for item in try self.list() { strings.append(try item.string()) }
        return strings
    }

    func pattern(_ extent: Pattern.Extent = .anywhere) throws(PlatformError) -> Pattern {
        let source = try self.nonEmptyString()
        do {
            return try Pattern(source, extent: extent)
        } catch {
            throw self.error("expected a regular expression: \(error)")
        }
    }

    func patterns(_ extent: Pattern.Extent = .anywhere) throws(PlatformError) -> [Pattern] {
        var patterns: [Pattern] = []
        for item in try self.list() { patterns.append(try item.pattern(extent)) }
        return patterns
    }

    func map() throws(PlatformError) -> DefinitionMap {
        guard let mapping = self.node.mapping else { throw self.error("expected a map of keys and values") }
        var values: [(key: String, value: DefinitionNode)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else { throw self.error("expected keys that are texts") }
            let path = self.path.isEmpty ? scalar.string : "\(self.path).\(scalar.string)"
            values.append((scalar.string, DefinitionNode(node: value, file: self.file, path: path)))
        }
        return DefinitionMap(node: self, values: values)
    }
}

/// A map in a definition. Keys are taken one by one; what is left over in the end is unknown.
struct DefinitionMap {
    let node: DefinitionNode
    private(set) var values: [(key: String, value: DefinitionNode)]

    init(node: DefinitionNode, values: [(key: String, value: DefinitionNode)]) {
        self.node = node
        self.values = values
    }

    /// The value of a key; `nil` if there is none, or if it is empty.
    mutating func take(_ key: String) -> DefinitionNode? {
        guard let index = self.values.firstIndex(where: { $0.key == key }) else { return nil }
        let value = self.values.remove(at: index).value
        if case .scalar(let scalar) = value.node, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
            return nil
        }
        return value
    }

    mutating func require(_ key: String, _ expectation: String) throws(PlatformError) -> DefinitionNode {
        guard let value = self.take(key) else { throw self.node.error("expected the key “\(key)”: \(expectation)") }
        return value
    }

    /// Says which keys nobody took. Keys that begin with `x_` or `x-` are for others.
    func noteUnknownKeys(_ notes: inout [String]) {
        for (key, value) in self.values where !key.hasPrefix("x_") && !key.hasPrefix("x-") {
            notes.append(value.error("unknown key, ignored").message)
        }
    }
}
