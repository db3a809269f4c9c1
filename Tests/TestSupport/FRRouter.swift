import Foundation

/// A real FRRouting `zebra` for tests, to be reached with `vtysh`, all in a temporary folder. Needs root, which zebra starts as, and the Debian
/// package `frr`. Call ``stop()`` at the end; it also runs when the object goes.
///
/// It shares the machine's interfaces: configure nothing that the kernel would follow.
public final class FRRouter: Sendable {
    public static var isAvailable: Bool {
        getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/lib/frr/zebra")
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/vtysh")
    }

    public let folder: URL
    /// What a login runs: `ForceCommand` of sshd_config(5).
    public var shell: String { "/usr/bin/vtysh --vty_socket \(self.folder.path)" }

    private let processes: WatchedProcesses

    public static func start() async throws -> FRRouter {
        let router = try FRRouter()
        let socket = router.folder.appendingPathComponent("zebra.vty").path
        let deadline = ContinuousClock.now + .seconds(30)
        while !FileManager.default.fileExists(atPath: socket) {
            guard ContinuousClock.now < deadline else {
                throw OpenSSHServer.Failure(description: "zebra opens no socket at \(socket)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return router
    }

    private init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tether-frr-\(getpid())-\(UInt32.random(in: .min ... .max))")
        // The daemon gives its privileges up, and makes its sockets here.
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755, .ownerAccountName: "frr", .groupOwnerAccountName: "frr"])
        self.folder = folder
        let path = folder.path
        let process = try OpenSSHServer.spawn(
            "/usr/lib/frr/zebra",
            [
                "--vty_socket", path, "-z", "\(path)/zserv.api", "-i", "\(path)/pid", "-f", "\(path)/zebra.conf", "-P",
                "0",
                "--log", "file:\(path)/log",
            ])
        self.processes = try WatchedProcesses([process], folder: folder)
    }

    public func stop() { self.processes.stop() }
}
