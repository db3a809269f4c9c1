/// Which of a job's tasks have ended: one bit each.
struct TaskBitmap: Sendable, Hashable {
    private var words: [UInt64] = []
    private(set) var count = 0

    /// False when it was there already.
    mutating func insert(_ index: Int) -> Bool {
        let word = index >> 6
        while self.words.count <= word { self.words.append(0) }
        let bit = UInt64(1) << UInt64(index & 63)
        guard self.words[word] & bit == 0 else { return false }
        self.words[word] |= bit
        self.count += 1
        return true
    }
}
