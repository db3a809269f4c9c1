extension PlatformDefinition {
    /// Whether a command only reads, by the platform's list of read-only patterns: the whole line is one read-only command
    /// (a pipe to a filter is allowed where the platform's pattern says so; line breaks and command separators never are).
    ///
    /// In doubt the answer is no: a command that is taken for a change is run once at most, which is always safe.
    package func isReadOnly(_ command: String) -> Bool {
        var command = command
        return command.withUTF8 { self.isReadOnly($0) }
    }

    private func isReadOnly(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let start = text.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }),
            let end = text.lastIndex(where: { $0 != 0x20 && $0 != 0x09 })
        else { return false }
        let line = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[start...end])
        // Nothing that could be a second command, or a key: line breaks, control characters (a tab completes), separators, substitution.
        // Bytes above ASCII could hide a look-alike that the device reads in its own way.
        let isPlain = line.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: ";"), UInt8(ascii: "`"), 0x7F: false
            default: byte >= 0x20 && byte < 0x80
            }
        }
        guard isPlain, line.count <= 1_024 else { return false }
        for exclude in self.readOnlyExcludes where exclude.firstMatch(in: line) != .noMatch { return false }
        return self.readOnlyPatterns.contains {
            if case .matched = $0.firstMatch(in: line) { true } else { false }
        }
    }
}
