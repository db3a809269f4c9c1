import Tracing

/// Where a span stands in its trace, as it travels between programs (W3C Trace Context, https://www.w3.org/TR/trace-context/).
package struct TraceContext: Sendable, Hashable {
    /// Sixteen bytes, not all zero.
    package var traceID: [UInt8]
    /// Eight bytes, not all zero.
    package var spanID: [UInt8]
    /// Whoever began the trace wants it recorded.
    package var isSampled: Bool
    /// What other systems have added; passed on as it is.
    package var state: String?

    package init(traceID: [UInt8], spanID: [UInt8], isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Section 3.2: version, trace id, parent id and flags, in lower-case hexadecimal digits. A later version may have more behind them. `nil` for anything else.
    package init?(parent: String, state: String? = nil) {
        let bytes = Array(parent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hexadecimal.read(bytes[0..<2]), version[0] != 0xFF,
            version[0] == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let traceID = Hexadecimal.read(bytes[3..<35]), traceID.contains(where: { $0 != 0 }),
            let spanID = Hexadecimal.read(bytes[36..<52]), spanID.contains(where: { $0 != 0 }),
            let flags = Hexadecimal.read(bytes[53..<55])
        else { return nil }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags[0] & 1 == 1)
        // Section 3.3.1.5: no more than 512 characters need to be passed on. What is longer or not printable is left out.
        if let state, state.utf8.count <= 512, state.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) {
            self.state = state
        }
    }

    package var parent: String {
        "00-\(Hexadecimal.text(self.traceID))-\(Hexadecimal.text(self.spanID))-\(self.isSampled ? "01" : "00")"
    }
}

extension ServiceContext {
    private enum Key: ServiceContextKey {
        typealias Value = TraceContext
    }

    package var trace: TraceContext? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}

/// Bytes as lower-case digits.
enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(self.digits[Int(byte >> 4)])
            text.append(self.digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` for what isn't an even number of lower-case digits.
    static func read(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
