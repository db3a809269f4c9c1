import Foundation
import Lab

/// A real Dropbear server for tests: one process for each type of host key, each on a free port of 127.0.0.1.
///
/// Dropbear checks passwords against the system's own accounts, so there is an account of its own for as long as the server runs:
/// that needs root. Needs `dropbear` and `dropbearkey` (Debian package `dropbear-bin`). Call ``stop()`` at the end; the account also goes
/// with the test process.
package final class DropbearServer: Sendable {
    package let host = "127.0.0.1"
    package let username: String
    /// Port and public key (`type base64`) by type of the host key: `ed25519`, `ecdsa`, `rsa`.
    package let servers: [String: (port: Int, publicKey: String)]
    private let processes: WatchedProcesses

    /// Whether this machine can run it.
    package static var isAvailable: Bool {
        getuid() == 0
            && ["/usr/sbin/dropbear", "/usr/bin/dropbearkey", "/usr/sbin/useradd"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: $0)
            }
    }

    /// - Parameters:
    ///   - password: of the account; letters, digits and blanks.
    ///   - authorizedKeys: lines of the account's `authorized_keys`.
    package static func start(
        hostKeyTypes: [String] = ["ed25519", "ecdsa", "rsa"], password: String, authorizedKeys: [String]
    ) async throws -> DropbearServer {
        let server = try DropbearServer(hostKeyTypes, password, authorizedKeys)
        for (port, _) in server.servers.values {
            let deadline = ContinuousClock.now + .seconds(30)
            while !LoopbackPort.answers(port) {
                guard ContinuousClock.now < deadline else {
                    server.stop()
                    throw OpenSSHServer.Failure(description: "dropbear does not listen on port \(port)")
                }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        return server
    }

    private init(_ hostKeyTypes: [String], _ password: String, _ authorizedKeys: [String]) throws {
        let name = "tetherdb\(getpid())x\(UInt16.random(in: .min ... .max))"
        self.username = name
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        // The account must be able to get to its keys.
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let home = folder.appendingPathComponent("home").path
        let keys = folder.appendingPathComponent("keys").path
        try (authorizedKeys.joined(separator: "\n") + "\n").write(toFile: keys, atomically: true, encoding: .utf8)
        try Self.shell(
            """
            set -e
            mkdir -p '\(home)/.ssh'
            cp '\(keys)' '\(home)/.ssh/authorized_keys'
            useradd -M -N -d '\(home)' -s /bin/sh -p "$(openssl passwd -6 '\(password)')" \(name)
            chown -R \(name) '\(home)'
            chmod -R go-w '\(home)'
            """)
        var servers: [String: (port: Int, publicKey: String)] = [:]
        var processes: [pid_t] = []
        for type in hostKeyTypes {
            let path = folder.appendingPathComponent(type).path
            try Self.shell("dropbearkey -t \(type) -f '\(path)' | grep -E '^(ssh|ecdsa)-' > '\(path).pub'")
            let key = try String(contentsOfFile: path + ".pub", encoding: .utf8).split(separator: " ").prefix(2)
            let port = try LoopbackPort.free()
            processes.append(
                try OpenSSHServer.spawn(
                    "/usr/sbin/dropbear", ["-F", "-E", "-m", "-r", path, "-p", "127.0.0.1:\(port)"]))
            servers[type] = (port, key.joined(separator: " "))
        }
        self.servers = servers
        self.processes = try WatchedProcesses(processes, folder: folder, cleanUp: "userdel -f \(name)")
    }

    /// Ends the servers, and removes the account and all files.
    package func stop() { self.processes.stop() }

    private static func shell(_ script: String) throws { try OpenSSHServer.run("/bin/sh", ["-c", script]) }
}
