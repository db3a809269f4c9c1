import Foundation
import Lab

/// A real OpenSSH server for tests: an `sshd` of its own on a free port of 127.0.0.1, with its own host keys, configuration and
/// authorised key, all in a temporary folder. The keys of one process's servers are the same for the same options.
///
/// The user who runs the tests signs on with ``clientKeyPath``. Needs `/usr/sbin/sshd` and `ssh-keygen` (Debian package
/// `openssh-server`). Call ``stop()`` at the end; it also runs when the object goes.
public final class OpenSSHServer: Sendable {
    public struct Options: Sendable {
        /// Host keys to make: `ed25519`, `ecdsa`, `rsa`.
        public var hostKeyTypes: [String]
        /// The user's key: `ed25519`, `ecdsa`, `rsa`.
        public var clientKeyType: String
        /// Encrypts the user's key.
        public var clientKeyPassphrase: String
        /// Runs instead of the user's login shell and of every command, as `ForceCommand` of sshd_config(5).
        public var forcedCommand: String?
        /// Lets the user sign on with this password too. Needs root (a PAM service is added and removed again).
        public var password: String?
        /// Further lines of sshd_config(5). They come first, so they win.
        public var configuration: [String]

        public init(
            hostKeyTypes: [String] = ["ed25519", "ecdsa"],
            clientKeyType: String = "ed25519",
            clientKeyPassphrase: String = "",
            forcedCommand: String? = nil,
            password: String? = nil,
            configuration: [String] = []
        ) {
            self.hostKeyTypes = hostKeyTypes
            self.clientKeyType = clientKeyType
            self.clientKeyPassphrase = clientKeyPassphrase
            self.forcedCommand = forcedCommand
            self.password = password
            self.configuration = configuration
        }
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public let host = "127.0.0.1"
    public let port: Int
    /// The user that may sign on: the one who runs the tests.
    public let username = NSUserName()
    /// The server's public keys as `type base64`.
    public let hostPublicKeys: [String]
    /// The private key that signs on, and its text.
    public let clientKeyPath: String
    public let clientKeyText: String
    /// The temporary folder; removed by ``stop()``.
    public let folder: URL

    private let process: pid_t
    /// Ends the server and removes its files when the pipe closes: with ``stop()``, or with the test process.
    private let processes: WatchedProcesses

    /// A `known_hosts` file with the server's keys.
    public var knownHosts: String {
        self.hostPublicKeys.map { "[\(self.host)]:\(self.port) \($0)\n" }.joined()
    }

    /// What the server has logged so far.
    public var log: String {
        (try? String(contentsOf: self.folder.appendingPathComponent("log"), encoding: .utf8)) ?? ""
    }

    public static func start(_ options: Options = Options()) async throws -> OpenSSHServer {
        // Another process may take the free port first.
        var lastError: any Error = Failure(description: "not tried")
        for _ in 0..<5 {
            do {
                let server = try OpenSSHServer(options)
                try await server.waitUntilListening()
                return server
            } catch {
                lastError = error
            }
        }
        throw lastError
    }

    private init(_ options: Options) throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/sbin/sshd") else {
            throw Failure(description: "There is no /usr/sbin/sshd: install openssh-server.")
        }
        let name = "tether-sshd-\(getpid())-\(UInt32.random(in: .min ... .max))"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        self.folder = folder
        self.port = try LoopbackPort.free()

        var lines = options.configuration
        lines += ["ListenAddress 127.0.0.1:\(self.port)", "PidFile none", "StrictModes no", "LogLevel VERBOSE"]
        lines += ["PermitRootLogin yes", "AuthorizedKeysFile \(folder.path)/authorized_keys", "PrintMotd no"]
        // A home of its own: the start-up files of the real one print and take time.
        lines += ["PrintLastLog no", "MaxStartups 1000", "SetEnv HOME=\(folder.path)"]
        var publicKeys: [String] = []
        for type in options.hostKeyTypes {
            let path = "\(folder.path)/host_\(type)"
            try Self.makeKey(type, at: path, passphrase: "")
            lines.append("HostKey \(path)")
            publicKeys.append(try Self.publicKey(path))
        }
        self.hostPublicKeys = publicKeys
        self.clientKeyPath = "\(folder.path)/id"
        try Self.makeKey(options.clientKeyType, at: self.clientKeyPath, passphrase: options.clientKeyPassphrase)
        self.clientKeyText = try String(contentsOfFile: self.clientKeyPath, encoding: .utf8)
        try Self.publicKey(self.clientKeyPath).appending("\n").write(
            toFile: "\(folder.path)/authorized_keys", atomically: true, encoding: .utf8)
        if let command = options.forcedCommand { lines.append("ForceCommand \(command)") }

        var executable = "/usr/sbin/sshd"
        var cleanUp = ":"
        if let password = options.password {
            // sshd names its PAM service after its own file.
            executable = "\(folder.path)/\(name)"
            try FileManager.default.createSymbolicLink(atPath: executable, withDestinationPath: "/usr/sbin/sshd")
            try Self.makePAMService(name, password: password, folder: folder.path)
            lines.append("UsePAM yes")
            cleanUp = "rm -f /etc/pam.d/\(name)"
        } else {
            lines += ["UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"]
        }
        if getuid() == 0 {
            try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        }
        let configuration = "\(folder.path)/sshd_config"
        try lines.joined(separator: "\n").appending("\n").write(
            toFile: configuration, atomically: true, encoding: .utf8)
        self.process = try Self.spawn(executable, ["-D", "-f", configuration, "-E", "\(folder.path)/log"])
        self.processes = try WatchedProcesses([self.process], folder: folder, cleanUp: cleanUp)
    }

    deinit { self.stop() }

    /// Ends the server with all its sessions, and removes what it left.
    public func stop() { self.processes.stop(with: { self.sessionProcesses }) }

    /// Changes the user's password for logins from now on, on a server that was started with one.
    public func setPassword(_ password: String) throws {
        try Self.writePasswordCheck(password, folder: self.folder.path)
    }

    /// Kills the processes that serve sessions, as a crash would: the connections break without a word.
    public func killSessions() {
        for session in self.sessionProcesses { kill(session, SIGKILL) }
    }

    /// Kills the programs that sessions run, and lets the processes that serve the connections live.
    public func killPrograms() {
        for program in self.descendants(levels: 6) where !Self.isServer(program) { kill(program, SIGKILL) }
    }

    private static func isServer(_ process: pid_t) -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8))?.hasPrefix("sshd") ?? true
    }

    /// The processes of the server's connections, with their privileged and unprivileged halves.
    public var sessionProcesses: [pid_t] {
        // Two levels: the connection's monitor, and its unprivileged child.
        self.descendants(levels: 2)
    }

    private func descendants(levels: Int) -> [pid_t] {
        var children: [pid_t] = []
        let processes = Self.parents()
        var frontier: Set<pid_t> = [self.process]
        for _ in 0..<levels {
            let next = processes.filter { frontier.contains($0.value) }.map(\.key)
            children += next
            frontier = Set(next)
        }
        return children
    }

    // MARK: - Pieces

    private func waitUntilListening() async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if self.log.contains("Server listening on") { return }
            if self.log.contains("fatal:") || self.log.contains("Cannot bind") { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        let log = self.log
        self.stop()
        throw Failure(description: "sshd does not listen on port \(self.port): \(log)")
    }

    /// Makes a key pair, or copies one that was made before: making them takes longer than all the rest.
    private static func makeKey(_ type: String, at path: String, passphrase: String) throws {
        let name = "\(type) \(path.hasSuffix("/id") ? "client" : "host") \(passphrase)"
        let pair = try self.keys.withLock { keys -> KeyPair in
            if let pair = keys[name] { return pair }
            var arguments = ["-q", "-t", type, "-N", passphrase, "-C", "test", "-f", path]
            if type == "rsa" { arguments += ["-b", "2048"] }
            try self.run("/usr/bin/ssh-keygen", arguments)
            let pair = KeyPair(
                privateKey: try String(contentsOfFile: path, encoding: .utf8),
                publicKey: try String(contentsOfFile: path + ".pub", encoding: .utf8))
            keys[name] = pair
            return pair
        }
        try pair.publicKey.write(toFile: path + ".pub", atomically: true, encoding: .utf8)
        try pair.privateKey.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    private struct KeyPair {
        var privateKey: String
        var publicKey: String
    }

    private static let keys = LockedKeys()

    /// Sendable: `keys` is only used under `lock`.
    private final class LockedKeys: @unchecked Sendable {
        private let lock = NSLock()
        private var keys: [String: KeyPair] = [:]

        func withLock<Result>(_ body: (inout [String: KeyPair]) throws -> Result) rethrows -> Result {
            self.lock.lock()
            defer { self.lock.unlock() }
            return try body(&self.keys)
        }
    }

    private static func publicKey(_ path: String) throws -> String {
        let text = try String(contentsOfFile: path + ".pub", encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    private static func makePAMService(_ name: String, password: String, folder: String) throws {
        guard getuid() == 0 else { throw Failure(description: "Signing on with a password needs root.") }
        let script = "\(folder)/check-password"
        try Self.writePasswordCheck(password, folder: folder)
        let service = """
            auth requisite pam_exec.so quiet expose_authtok \(script)
            auth required pam_permit.so
            account required pam_permit.so
            session required pam_permit.so

            """
        try service.write(toFile: "/etc/pam.d/\(name)", atomically: true, encoding: .utf8)
    }

    private static func writePasswordCheck(_ password: String, folder: String) throws {
        let script = "\(folder)/check-password"
        // pam_exec gives the password on standard input, ended by a NUL.
        try "#!/bin/sh\n[ \"$(tr -d '\\000')\" = '\(password)' ]\n".write(
            toFile: script + ".new", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script + ".new")
        guard rename(script + ".new", script) == 0 else { throw Failure(description: "no \(script)") }
    }

    /// Runs a program to its end, without input and output.
    public static func run(_ path: String, _ arguments: [String]) throws {
        let status = self.wait(for: try self.spawn(path, arguments))
        guard status == 0 else {
            throw Failure(description: "\(path) \(arguments.joined(separator: " ")) failed with status \(status)")
        }
    }

    /// Starts a program with no input and no output.
    ///
    /// Not with Foundation's `Process`: it takes a child that closes all inherited descriptors, as sshd does, for one that has
    /// ended, and then blocks every other `Process` until it has.
    package static func spawn(_ path: String, _ arguments: [String], input: Int32? = nil) throws -> pid_t {
        #if os(Linux)
            var actions = posix_spawn_file_actions_t()
        #else
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [Int32(0), 1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        if let input { posix_spawn_file_actions_adddup2(&actions, input, 0) }
        _ = Self.closeInherited?(&actions, 3)
        var vector = ([path] + arguments).map { strdup($0) }
        vector.append(nil)
        defer { for text in vector { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, path, &actions, nil, vector, environ)
        guard code == 0 else { throw Failure(description: "\(path): \(String(cString: strerror(code)))") }
        return process
    }

    /// `posix_spawn_file_actions_addclosefrom_np`, which the Glibc module doesn't show. NIO's sockets are inheritable: without
    /// it, a child keeps the connections of other tests open.
    static let closeInherited = dlsym(dlopen(nil, RTLD_NOW), "posix_spawn_file_actions_addclosefrom_np").map {
        unsafeBitCast(
            $0, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32).self)
    }

    /// Starts a shell script whose standard input ends when the returned descriptor is closed.
    static func spawnWatchdog(_ script: String) throws -> (process: pid_t, pipe: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(description: "no pipe") }
        // Not to be inherited by other children, which would keep it open.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        do {
            return (try self.spawn("/bin/sh", ["-c", script], input: ends[0]), ends[1])
        } catch {
            close(ends[1])
            throw error
        }
    }

    /// Reaps a child; its exit status, or -1.
    package static func wait(for process: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return -1 }
        }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : -1
    }

    /// The parent of every process.
    private static func parents() -> [pid_t: pid_t] {
        var result: [pid_t: pid_t] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = pid_t(name),
                let status = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                // The command name is in brackets and may hold anything.
                let end = status.lastIndex(of: ")")
            else { continue }
            let fields = status[status.index(after: end)...].split(separator: " ")
            if fields.count > 1, let parent = pid_t(fields[1]) { result[process] = parent }
        }
        return result
    }
}
