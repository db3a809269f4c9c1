extension UnsafeRawBufferPointer {
    /// Count without blanks and tabs at the end.
    var trimmedCount: Int {
        var count = self.count
        while count > 0, self[count - 1] == 0x20 || self[count - 1] == 0x09 { count -= 1 }
        return count
    }

    var isBlank: Bool { self.trimmedCount == 0 }
}

extension [UInt8] {
    /// Without blanks and tabs at the end.
    var trimmed: [UInt8] { Array(self.prefix(self.trimmedCount)) }

    /// Count without blanks and tabs at the end.
    var trimmedCount: Int {
        var count = self.count
        while count > 0, self[count - 1] == 0x20 || self[count - 1] == 0x09 { count -= 1 }
        return count
    }

    var isBlank: Bool { self.trimmedCount == 0 }

    /// Whether the texts are the same but for blanks at the end.
    func isText(_ other: [UInt8]) -> Bool {
        let count = self.trimmedCount
        return count == other.trimmedCount && self.prefix(count).elementsEqual(other.prefix(count))
    }

    func contains(text: [UInt8]) -> Bool {
        guard !text.isEmpty, text.count <= self.count else { return text.isEmpty }
        return (0...(self.count - text.count)).contains { self[$0...].starts(with: text) }
    }
}
