import Foundation

/// Kills a child process when this process ends, however it ends: a shell reads from a pipe that only we hold.
struct Watchdog: Sendable {
    private let leash: FileHandle

    /// - Throws: errors of the system when there is no room for one process more.
    init(_ child: pid_t) throws {
        let pipe = Pipe()
        self.leash = pipe.fileHandleForWriting
        // No other child is to hold the pipe open.
        _ = fcntl(self.leash.fileDescriptor, F_SETFD, FD_CLOEXEC)
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        // What ends the whole group of processes in order doesn't end it: the child may not have ended by then.
        shell.arguments = ["-c", "trap '' HUP INT TERM; read -r word || kill -KILL \(child)"]
        shell.standardInput = pipe
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
    }

    /// The child has ended: its number may be another's soon.
    func dismiss() {
        try? self.leash.write(contentsOf: Data("ended\n".utf8))
        try? self.leash.close()
    }
}
