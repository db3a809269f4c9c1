/// Reads control sequences (ECMA-48, 5.4) byte by byte, and tells those that change the line.
struct EscapeSequence: Sendable {
    /// What a control sequence does to the line. Counts are at least 1.
    enum Function: Sendable, Hashable {
        case eraseToEnd, eraseToStart, eraseLine, eraseScreen
        case forward(Int), back(Int)
        /// Counted from 1. The row is not known here: all moves stay in the line.
        case column(Int)
        case deleteCells(Int), blankCells(Int), insertCells(Int)
    }

    private enum State {
        case idle
        /// After ESC, and after its intermediate bytes.
        case escape
        /// After `ESC [`.
        case control
        /// In a string (title, device control), which ends with BEL or `ESC \`.
        case string
        case stringEscape
    }

    private var state = State.idle
    private var parameters: (first: Int, second: Int, index: Int) = (0, 0, 0)
    /// `ESC [ ? …` and the like: private modes, which never touch the line.
    private var isPrivate = false
    private var length = 0

    /// A string that is longer is noise, not a title: reading goes on as text, so that nothing can swallow the rest of a session.
    private static let longestString = 1_024
    private static let largestParameter = 9_999

    var isIdle: Bool { self.state == .idle }

    mutating func begin() {
        self.state = .escape
        self.parameters = (0, 0, 0)
        self.isPrivate = false
        self.length = 0
    }

    /// A control character in the middle of a sequence acts at once, as if it stood before it. CAN, SUB and ESC are for `next`.
    func executesControl(_ byte: UInt8) -> Bool {
        guard self.state == .escape || self.state == .control else { return false }
        return byte < 0x20 && byte != 0x18 && byte != 0x1A && byte != 0x1B
    }

    mutating func next(_ byte: UInt8) -> Function? {
        switch (self.state, byte) {
        case (.idle, _):
            return nil
        case (.escape, 0x1B), (.control, 0x1B):
            self.begin()
        case (.escape, 0x18), (.escape, 0x1A), (.control, 0x18), (.control, 0x1A):
            self.state = .idle
        case (.escape, UInt8(ascii: "[")):
            self.state = .control
        case (.escape, UInt8(ascii: "]")), (.escape, UInt8(ascii: "P")), (.escape, UInt8(ascii: "^")),
            (.escape, UInt8(ascii: "_")), (.escape, UInt8(ascii: "X")):
            self.state = .string
        case (.escape, 0x20...0x2F):
            break
        case (.escape, _):
            self.state = .idle
        case (.control, UInt8(ascii: "0")...UInt8(ascii: "9")):
            self.addDigit(Int(byte - UInt8(ascii: "0")))
        case (.control, UInt8(ascii: ";")):
            self.parameters.index += 1
        case (.control, 0x3C...0x3F):
            self.isPrivate = true
        case (.control, 0x20...0x2F), (.control, UInt8(ascii: ":")):
            break
        case (.control, _):
            self.state = .idle
            return self.isPrivate ? nil : self.function(of: byte)
        case (.string, 0x07), (.stringEscape, UInt8(ascii: "\\")):
            self.state = .idle
        case (.string, 0x1B):
            self.state = .stringEscape
        case (.string, _), (.stringEscape, _):
            self.length += 1
            self.state = self.length > Self.longestString ? .idle : .string
        }
        return nil
    }

    private mutating func addDigit(_ digit: Int) {
        switch self.parameters.index {
        case 0: self.parameters.first = min(self.parameters.first * 10 + digit, Self.largestParameter)
        case 1: self.parameters.second = min(self.parameters.second * 10 + digit, Self.largestParameter)
        default: break
        }
    }

    private func function(of final: UInt8) -> Function? {
        let count = max(self.parameters.first, 1)
        switch (final, self.parameters.first) {
        case (UInt8(ascii: "K"), 0), (UInt8(ascii: "J"), 0): return .eraseToEnd
        case (UInt8(ascii: "K"), 1), (UInt8(ascii: "J"), 1): return .eraseToStart
        case (UInt8(ascii: "K"), _): return .eraseLine
        case (UInt8(ascii: "J"), _): return .eraseScreen
        case (UInt8(ascii: "C"), _), (UInt8(ascii: "a"), _): return .forward(count)
        case (UInt8(ascii: "D"), _): return .back(count)
        case (UInt8(ascii: "G"), _), (UInt8(ascii: "`"), _): return .column(count)
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "f"), _): return .column(max(self.parameters.second, 1))
        case (UInt8(ascii: "P"), _): return .deleteCells(count)
        case (UInt8(ascii: "X"), _): return .blankCells(count)
        case (UInt8(ascii: "@"), _): return .insertCells(count)
        default: return nil
        }
    }
}
