import Foundation

/// Standard output and standard error, whole pieces at a time.
enum Console {
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
    static func write(_ bytes: [UInt8]) { FileHandle.standardOutput.write(Data(bytes)) }
    static func error(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
    /// A line that the next one overwrites. Only for terminals.
    static func progress(_ text: String) { FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8)) }

    static func time(_ duration: Duration) -> String {
        let milliseconds = Double(duration.components.seconds) * 1000 + Double(duration.components.attoseconds) * 1e-15
        return milliseconds < 1000
            ? String(format: "%.1f ms", milliseconds)
            : String(format: "%.2f s", milliseconds / 1000)
    }
}
