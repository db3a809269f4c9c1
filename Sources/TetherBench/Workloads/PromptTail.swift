import NIOCore

/// The end of a shell's output, and whether it is a prompt: the same simple rule as the reference program's, so that both do the same work.
///
/// The first unfinished line that ends like a prompt is learned; from then on exactly that text is a prompt.
struct PromptTail: Sendable {
    private static let limit = 192

    private var bytes: [UInt8] = []
    private var prompt: [UInt8] = []

    /// Takes output; returns whether it ends with the prompt, and then forgets it.
    mutating func take(_ output: ByteBufferView) -> Bool {
        if output.count >= Self.limit {
            self.bytes.replaceSubrange(0..., with: output.suffix(Self.limit))
        } else {
            let surplus = self.bytes.count + output.count - Self.limit
            if surplus > 0 { self.bytes.removeFirst(surplus) }
            self.bytes.append(contentsOf: output)
        }
        guard self.endsWithPrompt() else { return false }
        self.bytes.removeAll(keepingCapacity: true)
        return true
    }

    private mutating func endsWithPrompt() -> Bool {
        var start = self.bytes.endIndex
        while start > 0, self.bytes[start - 1] != 0x0A, self.bytes[start - 1] != 0x0D { start -= 1 }
        let line = self.bytes[start...]
        if !self.prompt.isEmpty { return line.elementsEqual(self.prompt) }
        guard let last = line.last(where: { $0 != 0x20 }), [0x23, 0x3E, 0x24].contains(last) else { return false }
        self.prompt = Array(line)
        return true
    }
}
