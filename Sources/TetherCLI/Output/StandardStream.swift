import Foundation
import Glibc

/// Standard output or standard error, and what whoever looks at it can see.
///
/// Whole pieces are written at a time, from any thread. Pieces of several threads don't mix, but their order is the callers' business.
struct StandardStream: Sendable {
    let descriptor: Int32
    let isTerminal: Bool
    let usesColour: Bool
    /// The terminal obeys cursor movements: a line can be drawn over.
    let canRedraw: Bool

    init(descriptor: Int32, isTerminal: Bool, environment: [String: String]) {
        self.descriptor = descriptor
        self.isTerminal = isTerminal
        self.usesColour = Self.usesColour(isTerminal: isTerminal, environment: environment)
        self.canRedraw = isTerminal && !Self.isDumb(environment)
    }

    init(descriptor: Int32) {
        self.init(
            descriptor: descriptor, isTerminal: isatty(descriptor) == 1,
            environment: ProcessInfo.processInfo.environment)
    }

    /// Columns of the terminal as it is now; `nil` when there is none, or it doesn't say.
    var width: Int? {
        guard self.isTerminal else { return nil }
        var size = winsize()
        guard ioctl(self.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    // MARK: Colours

    /// `NO_COLOR` (no-color.org) wins over `CLICOLOR_FORCE`, and that over `CLICOLOR=0` (bixense.com/clicolors) and what the stream leads to.
    static func usesColour(isTerminal: Bool, environment: [String: String]) -> Bool {
        if let value = environment["NO_COLOR"], !value.isEmpty { return false }
        if let value = environment["CLICOLOR_FORCE"], !value.isEmpty, value != "0" { return true }
        return isTerminal && !Self.isDumb(environment) && environment["CLICOLOR"] != "0"
    }

    private static func isDumb(_ environment: [String: String]) -> Bool {
        let name = environment["TERM"] ?? ""
        return name.isEmpty || name == "dumb"
    }

    /// `text` in a style, if the stream shows any. The text must be the command's own, or come from ``shown(_:)``.
    func styled(_ text: String, _ style: Style?) -> String {
        guard let style, self.usesColour, !text.isEmpty else { return text }
        return "\u{1B}[\(style.parameter)m\(text)\u{1B}[0m"
    }

    /// Text from elsewhere (devices, records, files) as it may be written here: on a terminal with its control characters escaped, so that nobody but
    /// this program moves the cursor, sets the title or fills the clipboard; as it is everywhere else.
    func shown(_ text: String) -> String { self.isTerminal ? TerminalText.escaped(text) : text }

    func shown(_ bytes: [UInt8]) -> [UInt8] {
        self.isTerminal ? Array(TerminalText.escaped(String(decoding: bytes, as: UTF8.self)).utf8) : bytes
    }

    // MARK: Writing

    enum WriteError: Error {
        /// Nobody reads any more.
        case brokenPipe
        case failed(errno: Int32)
    }

    /// Writes all of it. Blocks.
    func write(_ bytes: [UInt8]) throws(WriteError) {
        var code: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty, code == 0 {
                let count = Glibc.write(self.descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN || errno == EWOULDBLOCK {
                    // Somebody who has the same terminal or pipe has set it to non-blocking.
                    var wait = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&wait, 1, 1000)
                } else if errno != EINTR {
                    code = errno
                }
            }
        }
        guard code == 0 else { throw code == EPIPE ? .brokenPipe : .failed(errno: code) }
    }
}

/// What stands out, and how. Meaning never rests on it alone: colours are off in many places.
enum Style: Sendable, Hashable {
    case good, bad, warning, faint, strong

    /// Of the escape sequence SGR (ECMA-48 section 8.3.117).
    var parameter: String {
        switch self {
        case .good: "32"
        case .bad: "31"
        case .warning: "33"
        case .faint: "2"
        case .strong: "1"
        }
    }
}
