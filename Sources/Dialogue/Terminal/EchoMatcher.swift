/// Recognises the echo of a command in the text that a device sends, whatever lies between its characters: blanks, and the control
/// sequences that never get here. So it sees through an echo that is wrapped at a margin nobody told us, or redrawn for each key.
///
/// Knuth–Morris–Pratt over the characters that are not blanks: constant work a byte, and no difference where the text is split.
struct EchoMatcher: Sendable {
    private let pattern: [UInt8]
    private let fallback: [Int]
    private var matched = 0

    init(_ command: [UInt8]) {
        self.pattern = command.filter { $0 != 0x20 && $0 != 0x09 }
        var fallback = [Int](repeating: 0, count: self.pattern.count)
        var length = 0
        for index in self.pattern.indices.dropFirst() {
            while length > 0, self.pattern[index] != self.pattern[length] { length = fallback[length - 1] }
            if self.pattern[index] == self.pattern[length] { length += 1 }
            fallback[index] = length
        }
        self.fallback = fallback
    }

    /// The whole command has been seen.
    var isComplete: Bool { self.matched == self.pattern.count }

    mutating func feed(_ text: UnsafeRawBufferPointer) {
        for byte in text where byte != 0x20 && !self.isComplete {
            while self.matched > 0, byte != self.pattern[self.matched] {
                self.matched = self.fallback[self.matched - 1]
            }
            if byte == self.pattern[self.matched] { self.matched += 1 }
        }
    }
}
