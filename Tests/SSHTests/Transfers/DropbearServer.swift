import Foundation
import NIOCore
import NIOPosix
import TestSupport

@testable import SSH

/// A Dropbear server of its own on a free port, for tests. Needs root, `dropbear` and `unshare`.
///
/// It only reads the keys of its users from their home folders: it gets a mount namespace in which that is a temporary one.
struct DropbearServer: Sendable {
    static let isAvailable =
        getuid() == 0
        && ["/usr/sbin/dropbear", "/usr/bin/dropbearkey", "/usr/bin/unshare"].allSatisfy {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    /// Where Debian's Dropbear looks for it.
    static let hasSFTP = FileManager.default.isExecutableFile(atPath: "/usr/lib/sftp-server")

    let port: Int
    let username = NSUserName()
    let clientKeyPath: String
    private let folder: TransferFolder
    private let process: pid_t

    init() async throws {
        let port = try await ClosedPort()
        port.release()
        self.port = port.port
        self.folder = try TransferFolder()
        self.clientKeyPath = self.folder["id"]
        let (home, hostKey) = (self.folder["home"], self.folder["host_key"])
        try FileManager.default.createDirectory(
            atPath: home + "/.ssh", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try OpenSSHServer.run(
            "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", self.clientKeyPath])
        try FileManager.default.copyItem(atPath: self.clientKeyPath + ".pub", toPath: home + "/.ssh/authorized_keys")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: home + "/.ssh/authorized_keys")
        try OpenSSHServer.run("/usr/bin/dropbearkey", ["-t", "ed25519", "-f", hostKey])
        self.process = try OpenSSHServer.spawn(
            "/usr/bin/unshare",
            [
                "-m", "/bin/sh", "-c",
                "mount --bind '\(home)' '\(NSHomeDirectoryForUser(NSUserName()) ?? "/root")' && exec /usr/sbin/dropbear -F -s -p 127.0.0.1:\(self.port) -r '\(hostKey)'",
            ])
        let address = self.port
        guard await until(within: .seconds(10), { await Self.accepts(address) }) else {
            self.stop()
            throw CocoaError(.fileReadUnknown)
        }
    }

    func stop() {
        kill(self.process, SIGKILL)
        var status: Int32 = 0
        while waitpid(self.process, &status, 0) < 0, errno == EINTR {}
        self.folder.remove()
    }

    private static func accepts(_ port: Int) async -> Bool {
        let connection = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
        try? await connection?.close()
        return connection != nil
    }
}
