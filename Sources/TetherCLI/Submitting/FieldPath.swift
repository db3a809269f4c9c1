/// The path of a field, as the contract's error messages begin with: `operation.commands[1].timeout`, `labels["a b"]`.
struct FieldPath: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case name(String)
        case index(Int)
    }

    var parts: [Part]

    /// Separates a message's path from the rest. `nil` when the message is about the whole record.
    static func split(_ message: String) -> (path: FieldPath?, rest: String) {
        guard let end = message.firstRange(of: ": "), let path = FieldPath(message[..<end.lowerBound]) else {
            return (nil, message)
        }
        return (path, String(message[end.upperBound...]))
    }

    /// `nil` when the text is no path.
    init?(_ text: some StringProtocol) {
        var parts: [Part] = []
        var rest = Substring(text)
        while let first = rest.first {
            switch first {
            case "[":
                guard let end = rest.firstIndex(of: "]") else { return nil }
                let inside = rest[rest.index(after: rest.startIndex)..<end]
                if let index = Int(inside) {
                    guard index >= 0 else { return nil }
                    parts.append(.index(index))
                } else {
                    guard inside.count >= 2, inside.first == "\"", inside.last == "\"" else { return nil }
                    parts.append(.name(String(inside.dropFirst().dropLast())))
                }
                rest = rest[rest.index(after: end)...]
            case "." where !parts.isEmpty:
                rest = rest.dropFirst()
                guard rest.first.map(Self.isNamePart) ?? false else { return nil }
            case _ where Self.isNamePart(first):
                let name = rest.prefix(while: Self.isNamePart)
                parts.append(.name(String(name)))
                rest = rest.dropFirst(name.count)
            default: return nil
            }
        }
        guard !parts.isEmpty else { return nil }
        self.parts = parts
    }

    private static func isNamePart(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_")
    }
}
