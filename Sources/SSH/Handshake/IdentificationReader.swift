import NIOCore

/// Finds the server's identification string (RFC 4253 §4.2) at the beginning of a connection.
///
/// A server may send other lines first. libssh2 takes ordinary ones but gives up at a blank line or a NUL, and reads for ever
/// from a peer that isn't an SSH server; so the lines are dropped here, and there is a bound.
struct IdentificationReader {
    enum Outcome: Hashable {
        /// More input is needed.
        case incomplete
        /// The buffer now begins with the identification line, which libssh2 has to see unchanged.
        case identified(String)
        /// The peer is no SSH 2 server, for this reason.
        case rejected(String)
    }

    /// Lines and bytes before the identification string that are put up with.
    static let maximumLines = 64
    static let maximumBytes = 16 * 1024
    /// RFC 4253 §4.2, with the line end.
    static let maximumLength = 255

    private var lines = 0
    private var bytes = 0
    /// The first line that wasn't the identification string.
    private(set) var firstLine: String?

    /// Drops lines from the front of `buffer` until the identification string is there.
    mutating func consume(_ buffer: inout ByteBuffer) -> Outcome {
        while true {
            let view = buffer.readableBytesView
            guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
                if self.bytes + view.count > Self.maximumBytes { return self.reject(view) }
                if view.count > Self.maximumLength, view.starts(with: Self.prefix) { return self.reject(view) }
                return .incomplete
            }
            let line = view[view.startIndex..<end]
            if line.starts(with: Self.prefix) { return Self.judge(line) }
            if self.firstLine == nil { self.firstLine = String.printable(line.trimmed, limit: 60) }
            self.lines += 1
            self.bytes += line.count + 1
            buffer.moveReaderIndex(forwardBy: line.count + 1)
            if self.lines > Self.maximumLines || self.bytes > Self.maximumBytes { return self.reject(line) }
        }
    }

    private static let prefix = Array("SSH-".utf8)

    private static func judge(_ line: ByteBufferView) -> Outcome {
        let text = String.printable(line.trimmed, limit: Self.maximumLength)
        guard line.count < Self.maximumLength else {
            return .rejected("its identification string is longer than 255 bytes")
        }
        // 1.99 is a server of version 2 that also speaks version 1 (RFC 4253 §5.1).
        guard text.hasPrefix("SSH-2.0-") || text.hasPrefix("SSH-1.99-") else {
            return .rejected("it speaks another version of the protocol (\"\(text)\")")
        }
        return .identified(text)
    }

    private func reject(_ view: ByteBufferView) -> Outcome {
        .rejected("it sent \"\(self.firstLine ?? String.printable(view, limit: 60))\" instead of an SSH identification")
    }
}

extension ByteBufferView {
    /// Without the carriage return at the end.
    fileprivate var trimmed: ByteBufferView {
        self.last == UInt8(ascii: "\r") ? self.dropLast() : self
    }
}
