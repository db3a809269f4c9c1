/// The terminal's line discipline: echo, backspace, Ctrl-U, Ctrl-C. Bytes in, lines out.
struct LineEditor: Sendable {
    enum Event: Equatable {
        case line(String)
        case interrupt
    }

    private enum Escape { case none, began, sequence }

    private(set) var text: [UInt8] = []
    private var afterReturn = false
    private var escape = Escape.none
    let lineFeedReturns: Bool

    init(lineFeedReturns: Bool) { self.lineFeedReturns = lineFeedReturns }

    /// Whether the byte is the tail of a return that has already counted (LF or NUL after CR).
    mutating func isReturnTail(_ byte: UInt8) -> Bool {
        defer { afterReturn = byte == 0x0D }
        return afterReturn && (byte == 0x0A || byte == 0x00)
    }

    /// Takes one byte that is not a return's tail; appends what the terminal shows to `output`.
    mutating func take(_ byte: UInt8, echo: Bool, output: inout [UInt8]) -> Event? {
        switch escape {
        case .began:
            escape = byte == UInt8(ascii: "[") ? .sequence : .none
            return nil
        case .sequence:
            // A control sequence ends with a byte from 0x40 to 0x7E (ECMA-48 5.4).
            if (0x40...0x7E).contains(byte) { escape = .none }
            return nil
        case .none: break
        }
        switch byte {
        case 0x0D: return finish()
        case 0x0A: return lineFeedReturns ? finish() : nil
        case 0x03:
            text.removeAll(keepingCapacity: true)
            return .interrupt
        case 0x08, 0x7F:
            // A character of several bytes is wiped as a whole: continuation bytes first.
            guard !text.isEmpty else { return nil }
            while let last = text.popLast(), last & 0xC0 == 0x80 {}
            if echo { output += [0x08, 0x20, 0x08] }
            return nil
        case 0x15:
            if echo {
                for byte in text where byte & 0xC0 != 0x80 { output += [0x08, 0x20, 0x08] }
            }
            text.removeAll(keepingCapacity: true)
            return nil
        case 0x1B:
            escape = .began
            return nil
        case 0x00..<0x20: return nil
        default:
            // Past a line that no device would take, further characters are ignored: the buffer is bounded.
            guard text.count < 65_536 else { return nil }
            text.append(byte)
            if echo { output.append(byte) }
            return nil
        }
    }

    private mutating func finish() -> Event {
        defer { text.removeAll(keepingCapacity: true) }
        return .line(String(decoding: text, as: UTF8.self))
    }
}
