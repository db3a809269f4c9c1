import Foundation
import NIOConcurrencyHelpers

/// A program at a pseudo-terminal of its own, which is its controlling terminal: keys become signals, and the size can change, as in a window.
///
/// It ends with ``stop()``, or with this process, whose end hangs the terminal up.
package final class TerminalProcess: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    package let processIdentifier: pid_t
    private let terminal: Int32
    private let received = NIOLockedValueBox<[UInt8]>([])
    private let status = NIOLockedValueBox<Int32?>(nil)

    /// From `<spawn.h>`, where it hides behind `_GNU_SOURCE`: the program is the leader of a session of its own, before anything else happens, so that the
    /// first terminal it opens becomes its controlling one.
    private static let newSession: Int32 = 0x80

    /// - Parameters:
    ///   - executable: a path.
    ///   - environment: the whole environment of the program.
    ///   - errorsTo: a file for standard error, instead of the terminal.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], columns: Int = 80, rows: Int = 24,
        outputTo: String? = nil, errorsTo: String? = nil
    ) throws {
        var terminal: Int32 = -1
        var programSide: Int32 = -1
        var name = [CChar](repeating: 0, count: 128)
        guard openpty(&terminal, &programSide, &name, nil, nil) == 0 else {
            throw Failure("no pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        for descriptor in [terminal, programSide] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        // The program opens it by its name; held here as well, its end would never be seen.
        defer { close(programSide) }
        self.terminal = terminal
        Self.setSize(of: terminal, columns, rows)

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
        for (descriptor, file) in [(Int32(1), outputTo), (2, errorsTo)] {
            if let file {
                posix_spawn_file_actions_addopen(&actions, descriptor, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            } else {
                posix_spawn_file_actions_adddup2(&actions, 0, descriptor)
            }
        }
        _ = OpenSSHServer.closeInherited?(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // As a shell starts programs: nothing blocked, nothing ignored, whatever this process does about signals.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Self.newSession))

        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, executable, &actions, &attributes, words, variables)
        guard code == 0 else {
            close(terminal)
            throw Failure("\(executable): \(String(cString: strerror(code)))")
        }
        self.processIdentifier = process
        self.watch()
    }

    private func watch() {
        let (terminal, process) = (self.terminal, self.processIdentifier)
        let (received, status) = (self.received, self.status)
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            // Until nobody has the terminal open any more (EIO).
            while true {
                let count = read(terminal, &buffer, buffer.count)
                if count > 0 {
                    received.withLockedValue { $0 += buffer[..<count] }
                } else if count == 0 || errno != EINTR {
                    break
                }
            }
            var code: Int32 = 0
            while waitpid(process, &code, 0) < 0, errno == EINTR {}
            close(terminal)
            // As `waitpid` has it: the signal in the low bits, else the exit status above them.
            status.withLockedValue { $0 = code & 0x7F == 0 ? (code >> 8) & 0xFF : -(code & 0x7F) }
        }
    }

    deinit { self.stop() }

    /// All that the terminal has been sent.
    package var output: String { String(decoding: self.received.withLockedValue { $0 }, as: UTF8.self) }
    package var outputBytes: [UInt8] { self.received.withLockedValue { $0 } }

    /// The exit status, or the negative number of the signal that ended it; `nil` while it runs.
    package var exitStatus: Int32? { self.status.withLockedValue { $0 } }

    /// Types on the keyboard: `\u{3}` is Ctrl-C.
    package func type(_ text: String) {
        self.status.withLockedValue { status in
            guard status == nil else { return }
            var bytes = Array(text.utf8)
            _ = write(self.terminal, &bytes, bytes.count)
        }
    }

    /// Gives the window another size.
    package func resize(columns: Int, rows: Int = 24) {
        self.status.withLockedValue { if $0 == nil { Self.setSize(of: self.terminal, columns, rows) } }
    }

    /// Ends the program, if it still runs.
    package func stop() {
        self.status.withLockedValue { status in
            // The number is not another's while its end has not been waited for.
            if status == nil { kill(self.processIdentifier, SIGKILL) }
        }
    }

    private static func setSize(of terminal: Int32, _ columns: Int, _ rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    }
}
