import NIOCore

/// The control part of the protocol that `scp -t` and `scp -f` speak (that of BSD's `rcp`; there is no specification).
enum SCPMessage: Sendable, Hashable {
    /// A zero byte: go on.
    case ready
    /// The byte 1 and a line: something went wrong.
    case warning(String)
    /// The byte 2 and a line: everything is over.
    case fatal(String)
    /// `C0644 12345 name`: a file of this size follows.
    case file(permissions: UInt32, size: Int64)
    /// `T…`: times of the file that comes next.
    case times
}

/// Reads control messages, whatever the pieces that they come in. Value type, no I/O.
struct SCPMessageReader: Sendable {
    struct Malformed: Error, Hashable {
        /// Printable.
        var line: String
    }

    /// Longer lines are no file names.
    static let maximumLine = 4096

    private var line: [UInt8] = []

    /// The next message, taken off `input`, of which nothing behind the message is touched; `nil` when more is needed.
    mutating func next(_ input: inout ByteBuffer) throws(Malformed) -> SCPMessage? {
        while let byte: UInt8 = input.readInteger() {
            if self.line.isEmpty, byte == 0 { return .ready }
            guard byte == 0x0A else {
                self.line.append(byte)
                guard self.line.count <= Self.maximumLine else { throw self.malformed }
                continue
            }
            let message = self.decode()
            guard let message else { throw self.malformed }
            self.line = []
            return message
        }
        return nil
    }

    private var malformed: Malformed { Malformed(line: String.printable(self.line, limit: 100)) }

    private func decode() -> SCPMessage? {
        let rest = self.line.dropFirst()
        switch self.line.first {
        case 1: return .warning(String.printable(rest, limit: 200))
        case 2: return .fatal(String.printable(rest, limit: 200))
        case UInt8(ascii: "T"): return .times
        case UInt8(ascii: "C"):
            let fields = rest.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
            // The name is of no interest: the caller has said where the file goes.
            guard fields.count == 3, fields[0].count <= 6, !fields[2].isEmpty,
                let permissions = Self.number(fields[0], radix: 8), let size = Self.number(fields[1], radix: 10)
            else { return nil }
            return .file(permissions: UInt32(permissions) & 0o777, size: size)
        default: return nil
        }
    }

    /// Digits only: signs and blanks, which `Int` would take, are errors.
    private static func number(_ digits: ArraySlice<UInt8>, radix: Int64) -> Int64? {
        guard (1...19).contains(digits.count) else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard digit >= 0x30, digit < 0x30 + UInt8(radix) else { return nil }
            let (product, hasOverflown) = value.multipliedReportingOverflow(by: radix)
            let (sum, isTooLarge) = product.addingReportingOverflow(Int64(digit - 0x30))
            guard !hasOverflown, !isTooLarge else { return nil }
            value = sum
        }
        return value
    }
}

/// The commands that start the other side.
enum SCPCommand {
    static func receive(_ path: String) -> String { "scp -t \(self.quoted(path))" }
    static func send(_ path: String) -> String { "scp -f \(self.quoted(path))" }

    /// Left alone where no shell could take it for more than a name: many devices know no quotes.
    static func quoted(_ path: String) -> String {
        let safe = path.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || "/._-:,+@%=".utf8.contains(byte)
        }
        let path = path.hasPrefix("-") ? "./" + path : path
        return safe && !path.isEmpty
            ? path : "'" + path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
