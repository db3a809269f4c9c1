import Foundation
import Jobs
import NIOConcurrencyHelpers

/// The process's standard streams: data goes to `output`, everything that is said about it to `error`.
enum Console {
    static let output = StandardStream(descriptor: STDOUT_FILENO)
    static let error = StandardStream(descriptor: STDERR_FILENO)

    private static let outlivesOutput = NIOLockedValueBox(false)

    /// When nobody reads standard output any more (`tether … | head`), go on without it instead of ending: for commands that also write files.
    static func outliveOutput() { self.outlivesOutput.withLockedValue { $0 = true } }

    /// Writes to standard output. Ends the process without a word, as SIGPIPE does, when nobody reads it any more.
    static func write(_ bytes: [UInt8]) {
        do {
            try self.output.write(bytes)
        } catch {
            guard !self.outlivesOutput.withLockedValue({ $0 }) else { return }
            switch error {
            case .brokenPipe: self.endByBrokenPipe()
            case .failed(let code):
                self.error("Error: standard output can't be written: \(String(cString: strerror(code)))")
                exit(ExitStatus.cannotWrite.rawValue)
            }
        }
    }

    static func write(_ text: String) { self.write(Array(text.utf8)) }

    /// Writes a line to standard output.
    static func line(_ text: String) { self.write(text + "\n") }

    /// Writes one JSON value and a line end to standard output: what every command prints with `--json`.
    ///
    /// ```swift
    /// Console.json { writer in
    ///     writer.object { writer in
    ///         writer.name("device")
    ///         writer.string(device.name)
    ///     }
    /// }
    /// ```
    static func json(_ body: (inout JSONWriter) -> Void) {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes, body)
        bytes.append(UInt8(ascii: "\n"))
        self.write(bytes)
    }

    /// Writes a line to standard error. That nobody reads it is no reason to end.
    static func error(_ text: String) { try? self.error.write(Array("\(text)\n".utf8)) }

    /// A line that begins with `warning:`, in its colour.
    static func warning(_ text: String) { self.error("\(self.error.styled("warning:", .warning)) \(text)") }

    /// NIO ignores SIGPIPE in the whole process, so that the end has to be asked for.
    private static func endByBrokenPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        pthread_sigmask(SIG_UNBLOCK, &pipe, nil)
        raise(SIGPIPE)
        _exit(ExitStatus.brokenPipe.rawValue)
    }

    static func time(_ duration: Duration) -> String {
        let milliseconds = Double(duration.components.seconds) * 1000 + Double(duration.components.attoseconds) * 1e-15
        return milliseconds < 1000
            ? String(format: "%.1f ms", milliseconds)
            : String(format: "%.2f s", milliseconds / 1000)
    }
}
