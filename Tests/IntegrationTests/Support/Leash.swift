import Foundation
import NIOConcurrencyHelpers

/// A folder and child processes that go when this process goes, however it goes: a shell reads from a pipe that only we hold, and clears up
/// when the pipe closes.
final class Leash: Sendable {
    let folder: URL
    private let pipe: NIOLockedValueBox<Pipe>
    private let shell: NIOLockedValueBox<Process>
    private let ended = DispatchSemaphore(value: 0)

    init() throws {
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tether-integration-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let pipe = Pipe()
        // The children must not hold the pipe open.
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = [
            "-c",
            """
            children=
            while read -r operation child; do
                case $operation in
                hold) children="$children $child" ;;
                release) rest=; for other in $children; do [ "$other" = "$child" ] || rest="$rest $other"; done; children=$rest ;;
                esac
            done
            [ -z "$children" ] || kill -9 $children
            rm -rf "$0"
            """,
            self.folder.path,
        ]
        shell.standardInput = pipe
        let ended = self.ended
        shell.terminationHandler = { _ in ended.signal() }
        try shell.run()
        self.pipe = NIOLockedValueBox(pipe)
        self.shell = NIOLockedValueBox(shell)
    }

    func hold(_ child: pid_t) { self.write("hold \(child)\n") }
    /// The child has ended and been reaped: its number may be another's soon.
    func release(_ child: pid_t) { self.write("release \(child)\n") }

    private func write(_ line: String) {
        self.pipe.withLockedValue { try? $0.fileHandleForWriting.write(contentsOf: Data(line.utf8)) }
    }

    /// Kills what still runs, removes the folder, and waits for both.
    func drop() async {
        self.pipe.withLockedValue { try? $0.fileHandleForWriting.close() }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            DispatchQueue.global().async {
                _ = self.ended.wait(timeout: .now() + 20)
                continuation.resume()
            }
        }
    }
}
