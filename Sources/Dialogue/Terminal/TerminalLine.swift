/// The line that the cursor of a terminal is on, as far as the text of a CLI needs one: bytes go in, finished lines come out, and what is
/// left is the line under construction, where a prompt stands.
///
/// Carriage return, backspace, and the control sequences that move in or erase a line (ECMA-48) act as on a terminal, so that a prompt that is
/// printed, erased and drawn again counts once. All other control sequences are dropped, and so are NUL, BEL, DEL, and the shift and flow
/// control characters. Every other byte is kept as it came: tabs, Latin-1, broken UTF-8. CR before LF, however many, is part of the line end.
///
/// Escape sequences, CR LF and UTF-8 characters may be split anywhere between two calls.
struct TerminalLine: Sendable {
    enum Event {
        /// `bytes` is a finished line, its end removed. Call `beginLine()` before going on.
        case line
        /// The line has grown past `limit`; take what is to leave with `removeFirst`.
        case tooLong
        /// All input is consumed.
        case exhausted
    }

    /// Longest line that is kept whole.
    static let limit = 16_384

    private(set) var bytes: [UInt8] = []
    /// The beginning of this line was taken away because it was too long.
    private(set) var isCut = false
    /// Fed with the printable text as it comes, before any rendering.
    var echo: EchoMatcher?

    private let columns: Int
    /// Byte offset in `bytes`; past its end after a move to the right.
    private var cursor = 0
    /// A CR whose effect is still open: before LF it belongs to the line end.
    private var pendingReturn = false
    private var escape = EscapeSequence()
    private var residue = PagerResidue.none

    /// What is left of a pager's text after its key was pressed. Devices wipe it with backspaces and blanks, or with CR and blanks, or not
    /// at all; blanks that only wipe must not end up behind the next line's text.
    private enum PagerResidue {
        case none, untouched, erased
    }

    /// - Parameter columns: width of the terminal, where the device continues a long line on the next row.
    init(columns: Int) {
        self.columns = max(columns, 1)
    }

    /// Not in the middle of a control sequence.
    var isSettled: Bool { self.escape.isIdle && !self.pendingReturn }

    /// Nothing stands in the line, and nothing that has come before changes what comes.
    var isAtLineStart: Bool {
        self.bytes.isEmpty && self.cursor == 0 && !self.isCut && self.isSettled && self.residue == .none
            && self.echo == nil
    }

    /// The line that begins at `start`, if all of it is there and a terminal would do nothing but print it: how many bytes are its text, and where
    /// the next line begins.
    static func plainLine(_ input: UnsafeRawBufferPointer, from start: Int) -> (count: Int, end: Int)? {
        var end = Self.endOfText(input, from: start)
        while end < input.count, input[end] == 0x09 { end = Self.endOfText(input, from: end + 1) }
        guard end - start <= Self.limit else { return nil }
        var next = end
        while next < input.count, input[next] == 0x0D { next += 1 }
        guard next < input.count, input[next] == 0x0A else { return nil }
        return (end - start, next + 1)
    }

    mutating func beginLine() {
        // One long line must not cost an idle session its memory.
        if self.bytes.capacity > 4_096 { self.bytes = [] } else { self.bytes.removeAll(keepingCapacity: true) }
        self.cursor = 0
        self.isCut = false
    }

    /// Takes the first `count` bytes of a long line away.
    mutating func removeFirst(_ count: Int) {
        self.bytes.removeFirst(count)
        self.cursor = max(self.cursor - count, 0)
        self.isCut = true
    }

    /// Takes a pager's text away, which begins at `offset`, because its key is being pressed.
    mutating func answerPager(at offset: Int) {
        self.bytes.removeSubrange(offset...)
        self.cursor = self.bytes.count
        self.pendingReturn = false
        self.residue = .untouched
    }

    /// Consumes input up to the next event.
    mutating func consume(_ input: UnsafeRawBufferPointer, from index: inout Int) -> Event {
        while index < input.count {
            if self.escape.isIdle {
                let end = Self.endOfText(input, from: index)
                if end > index {
                    if self.pendingReturn { self.carriageReturn() }
                    self.write(UnsafeRawBufferPointer(rebasing: input[index..<end]))
                    index = end
                    if self.bytes.count > Self.limit { return .tooLong }
                    continue
                }
            }
            let byte = input[index]
            index += 1
            if !self.escape.isIdle, !self.escape.executesControl(byte) {
                if let function = self.escape.next(byte) { self.perform(function) }
                if self.bytes.count > Self.limit { return .tooLong }
                continue
            }
            switch byte {
            case 0x0A:
                if self.residue != .none, self.pendingReturn { self.cursor = self.rowStart }
                self.pendingReturn = false
                if self.endLine() { return .line }
            case 0x0D:
                self.pendingReturn = true
            case 0x1B:
                self.escape.begin()
            case 0x08:
                if self.pendingReturn { self.carriageReturn() }
                self.moveBack(1)
                self.noteErasure()
            case 0x00, 0x07, 0x0E, 0x0F, 0x11, 0x13, 0x7F:
                break
            default:
                if self.pendingReturn { self.carriageReturn() }
                self.put(byte)
                if self.bytes.count > Self.limit { return .tooLong }
            }
        }
        return .exhausted
    }

    /// End of the run of bytes from `start` that are neither C0 controls nor DEL. Looks at eight bytes at a time; a run is at most 4 KiB, so
    /// that a line never outgrows its limit by more.
    private static func endOfText(_ input: UnsafeRawBufferPointer, from start: Int) -> Int {
        let limit = min(input.count, start + 4_096)
        var index = start
        while index + 8 <= limit {
            let word = input.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // "Some byte is below n" and "some byte is zero" in a word; a byte above 0x7F never sets its own flag.
            let below = (word &- 0x2020_2020_2020_2020) & ~word
            let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let flags = (below | ((delete &- 0x0101_0101_0101_0101) & ~delete)) & 0x8080_8080_8080_8080
            // A borrow can only raise a flag above a true one, so the lowest flag is right (the load is little-endian).
            if flags != 0 { return index + UInt64(littleEndian: flags).trailingZeroBitCount / 8 }
            index += 8
        }
        while index < limit, input[index] >= 0x20, input[index] != 0x7F { index += 1 }
        return index
    }

    // MARK: Writing

    private mutating func write(_ text: UnsafeRawBufferPointer) {
        self.echo?.feed(text)
        if self.residue == .none, self.cursor == self.bytes.count {
            self.bytes.append(contentsOf: text)
            self.cursor = self.bytes.count
            return
        }
        var rest = text[...]
        if self.residue != .none {
            while let byte = rest.first, byte == 0x20 {
                self.put(byte)
                rest = rest.dropFirst()
            }
            guard !rest.isEmpty else { return }
            self.dropWipedCells()
            self.residue = .none
        }
        for byte in rest { self.put(byte) }
    }

    /// Puts one byte at the cursor. A cell is one character: the bytes of a UTF-8 sequence stay together.
    private mutating func put(_ byte: UInt8) {
        if self.cursor > self.bytes.count {
            self.bytes.append(contentsOf: repeatElement(0x20, count: self.cursor - self.bytes.count))
        }
        if self.cursor == self.bytes.count {
            self.bytes.append(byte)
        } else if Self.isContinuation(byte), self.cursor > 0, self.bytes[self.cursor - 1] >= 0x80 {
            // The rest of a character whose first byte has just replaced a cell.
            self.bytes.insert(byte, at: self.cursor)
        } else {
            self.bytes.replaceSubrange(self.cursor..<self.cell(after: self.cursor), with: CollectionOfOne(byte))
        }
        self.cursor += 1
    }

    /// Whether the line end makes a line of text.
    private mutating func endLine() -> Bool {
        guard self.residue != .none else { return true }
        let residue = self.residue
        self.residue = .none
        self.dropWipedCells()
        // No erasing came before: this line end is the pager's own, and the text goes on in the next line.
        if residue == .untouched, self.bytes.allSatisfy({ $0 == 0x20 }) {
            self.beginLine()
            return false
        }
        return true
    }

    private mutating func dropWipedCells() {
        guard self.cursor < self.bytes.count else { return }
        if self.bytes[self.cursor...].allSatisfy({ $0 == 0x20 }) { self.bytes.removeSubrange(self.cursor...) }
    }

    private mutating func noteErasure() {
        if self.residue == .untouched { self.residue = .erased }
    }

    // MARK: Moving and erasing

    private mutating func carriageReturn() {
        self.pendingReturn = false
        self.cursor = self.rowStart
        self.noteErasure()
    }

    /// Where the terminal's row begins that the cursor is in. A device that wraps its echo at the margin prints a blank, which makes the
    /// terminal go to the next row, and CR, which goes to the start of that row and not of the line. Counted in bytes, so that it costs
    /// nothing: only a line that is longer than the terminal is wide and not ASCII would tell the difference.
    private var rowStart: Int {
        guard self.cursor > self.columns else { return 0 }
        var start = (self.cursor - 1) / self.columns * self.columns
        while start > 0, start < self.bytes.count, Self.isContinuation(self.bytes[start]) { start -= 1 }
        return start
    }

    private mutating func moveBack(_ count: Int) {
        let start = self.rowStart
        var left = count
        while left > 0, self.cursor > start {
            self.cursor = self.cell(before: self.cursor)
            left -= 1
        }
    }

    private mutating func moveForward(_ count: Int) {
        let end = max(self.bytes.count, self.rowStart + self.columns)
        var left = count
        while left > 0, self.cursor < end {
            self.cursor = self.cell(after: self.cursor)
            left -= 1
        }
    }

    private mutating func perform(_ function: EscapeSequence.Function) {
        if self.pendingReturn { self.carriageReturn() }
        switch function {
        case .eraseToEnd:
            if self.cursor < self.bytes.count { self.bytes.removeSubrange(self.cursor...) }
        case .eraseToStart:
            let count = min(self.cursor, self.bytes.count)
            self.bytes.withUnsafeMutableBufferPointer {
                UnsafeMutableBufferPointer(rebasing: $0[..<count]).update(repeating: 0x20)
            }
        case .eraseLine:
            self.bytes.removeSubrange(min(self.rowStart, self.bytes.count)...)
        case .eraseScreen:
            self.bytes.removeAll(keepingCapacity: true)
            self.cursor = 0
        case .forward(let count):
            self.moveForward(count)
        case .back(let count):
            self.moveBack(count)
        case .column(let column):
            self.cursor = self.rowStart
            self.moveForward(column - 1)
        case .deleteCells(let count):
            let (_, end) = self.cells(count)
            if self.cursor < end { self.bytes.removeSubrange(self.cursor..<end) }
        case .blankCells(let count):
            let (cells, end) = self.cells(count)
            if self.cursor < end {
                self.bytes.replaceSubrange(self.cursor..<end, with: repeatElement(0x20, count: cells))
            }
        case .insertCells(let count):
            guard self.cursor < self.bytes.count else { break }
            self.bytes.insert(contentsOf: repeatElement(0x20, count: min(count, self.columns)), at: self.cursor)
        }
        self.noteErasure()
    }

    // MARK: Cells

    /// So many cells from the cursor on, or up to the end of the line: how many there are, and where they end. A row has no more than `columns`: a
    /// sequence of a few bytes must not cost a walk along thousands.
    private func cells(_ count: Int) -> (count: Int, end: Int) {
        var (found, end) = (0, self.cursor)
        while found < min(count, self.columns), end < self.bytes.count {
            end = self.cell(after: end)
            found += 1
        }
        return (found, end)
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    private func cell(after offset: Int) -> Int {
        guard offset < self.bytes.count, self.bytes[offset] >= 0xC0 else { return offset + 1 }
        var end = offset + 1
        while end < self.bytes.count, end < offset + 4, Self.isContinuation(self.bytes[end]) { end += 1 }
        return end
    }

    private func cell(before offset: Int) -> Int {
        guard offset <= self.bytes.count, offset > 0 else { return max(offset - 1, 0) }
        var start = offset - 1
        while start > 0, start > offset - 4, Self.isContinuation(self.bytes[start]) { start -= 1 }
        return self.cell(after: start) == offset ? start : offset - 1
    }
}
