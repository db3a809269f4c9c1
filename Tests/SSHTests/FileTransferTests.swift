import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("File transfer")
struct FileTransferTests {
    static let methods: [FileTransfer.Method] = [.sftp, .scp]
    static let sftpServer = OpenSSHServer.Options(configuration: ["Subsystem sftp internal-sftp"])

    @Test("20 MB arrive whole both ways, and memory doesn't grow with them", arguments: methods)
    func bulk(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            let size = 20 * 1024 * 1024 + 12345
            let hash = try files.make("source", size: size)
            let options = FileTransfer.Options(method: method)
            // What grows once is not what grows with the file.
            _ = try files.make("small", size: 1_000_000)
            _ = try await connection.upload(files["small"], to: files["small2"], options: options)
            _ = try await connection.download(files["small"], to: files["small3"], options: options)
            let before = residentKilobytes()
            let seen = NIOLockedValueBox<[FileTransfer.Progress]>([])
            let up = try await connection.upload(files["source"], to: files["up"], options: options) { progress in
                seen.withLockedValue { $0.append(progress) }
            }
            #expect(up.size == Int64(size))
            #expect(up.sha256 == hash)
            #expect(up.isAtomic == (method == .sftp))
            #expect(try files.hash("up") == hash)
            let steps = seen.withLockedValue { $0 }
            #expect(steps.count > 50)
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.completed <= $1.completed })
            #expect(steps.last?.total == Int64(size))

            let down = try await connection.download(files["up"], to: files["down"], options: options)
            #expect(down.size == Int64(size))
            #expect(down.sha256 == hash)
            #expect(try files.hash("down") == hash)
            // Other tests run in the same process and take memory of their own, so one good measurement of several is enough.
            var growth = residentKilobytes() - before
            for _ in 0..<3 where growth >= 16 * 1024 {
                let before = residentKilobytes()
                _ = try await connection.upload(files["source"], to: files["up"], options: options)
                _ = try await connection.download(files["up"], to: files["down"], options: options)
                growth = residentKilobytes() - before
            }
            #expect(growth < 16 * 1024, "KB of resident memory")
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("files of every awkward size keep their bytes and permissions", arguments: methods)
    func sizes(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            let options = FileTransfer.Options(method: method)
            for size in [0, 1, 32767, 32768, 32769, 262_144, 262_145, 300_000] {
                let hash = try files.make("a", size: size, permissions: 0o640)
                let up = try await connection.upload(files["a"], to: files["b"], options: options)
                let down = try await connection.download(files["b"], to: files["c"], options: options)
                #expect(up.sha256 == hash)
                #expect(down.sha256 == hash)
                #expect(try files.hash("c") == hash)
                #expect(files.permissions("b") == 0o640)
                #expect(files.permissions("c") == 0o640)
            }
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("a file whose server says that it is empty is read to its end")
    func virtualFile() async throws {
        try await withTransfers { files, connection in
            let receipt = try await connection.download("/proc/cpuinfo", to: files["cpuinfo"])
            #expect(receipt.size > 100)
        }
    }

    @Test("names with blanks and quotes are taken as they are", arguments: methods)
    func names(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            let name = "it's $(a) \"file\" ;*"
            let hash = try files.make("a", size: 100)
            let options = FileTransfer.Options(method: method)
            _ = try await connection.upload(files["a"], to: files[name], options: options)
            #expect(try files.hash(name) == hash)
            _ = try await connection.download(files[name], to: files["b"], options: options)
            #expect(try files.hash("b") == hash)
        }
    }

    @Test("what isn't there is named as that, and nothing stays behind", arguments: methods)
    func missing(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            let options = FileTransfer.Options(method: method)
            _ = try files.make("a", size: 100)
            #expect(
                await code { try await connection.download(files["no"], to: files["b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await code { try await connection.upload(files["a"], to: files["no/b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await code { try await connection.upload(files["no"], to: files["b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await code { try await connection.download(files["a"], to: files["no/b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await code { try await connection.download("/tmp", to: files["b"], options: options) }
                    == .transferFailed)
            #expect(!files.exists("b"))
            #expect(files.leftovers.isEmpty)
            // The connection is as good as before.
            #expect(try await connection.upload(files["a"], to: files["b"], options: options).size == 100)
        }
    }

    @Test("a folder that takes no files is named as that", arguments: methods)
    func denied(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            // Not even root may make files there.
            _ = try files.make("a", size: 100)
            let result = await code {
                try await connection.upload(files["a"], to: "/sys/kernel/a", options: .init(method: method))
            }
            #expect(result == .transferDenied)
        }
    }

    @Test("a full disk on either side is named as that, and what was written is removed", arguments: methods)
    func full(method: FileTransfer.Method) async throws {
        guard getuid() == 0 else { return }
        try await withTransfers { files, connection in
            let mount = files["small"]
            try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
            guard run("/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]) == 0 else { return }
            defer { _ = run("/bin/umount", ["-l", mount]) }
            _ = try files.make("a", size: 3_000_000)
            let options = FileTransfer.Options(method: method)
            #expect(
                await code { try await connection.upload(files["a"], to: mount + "/b", options: options) }
                    == .transferNoSpace)
            if method == .sftp { #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty) }
            for name in try FileManager.default.contentsOfDirectory(atPath: mount) { unlink(mount + "/" + name) }
            #expect(
                await code { try await connection.download(files["a"], to: mount + "/b", options: options) }
                    == .transferNoSpace)
            #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty)
        }
    }

    @Test("an upload replaces the old file only when it is complete; cancelled, it leaves the old one and nothing else")
    func cancelledUpload() async throws {
        try await withTransfers { files, connection in
            _ = try files.make("big", size: 60_000_000)
            let old = try files.make("target", size: 10)
            let task = NIOLockedValueBox<Task<SSHError.Code?, Never>?>(nil)
            let started = Task {
                await code {
                    try await connection.upload(files["big"], to: files["target"]) { progress in
                        if progress.completed > 1_000_000 { task.withLockedValue { $0?.cancel() } }
                    }
                }
            }
            task.withLockedValue { $0 = started }
            #expect(await started.value == .cancelled)
            #expect(try files.hash("target") == old)
            #expect(files.leftovers.isEmpty)
            #expect(try await connection.collect("echo alive").output == "alive\n")
        }
    }

    @Test("a cancelled download leaves nothing", arguments: methods)
    func cancelledDownload(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            _ = try files.make("big", size: 60_000_000)
            let task = NIOLockedValueBox<Task<SSHError.Code?, Never>?>(nil)
            let started = Task {
                await code {
                    try await connection.download(files["big"], to: files["b"], options: .init(method: method)) { _ in
                        task.withLockedValue { $0?.cancel() }
                    }
                }
            }
            task.withLockedValue { $0 = started }
            #expect(await started.value == .cancelled)
            #expect(!files.exists("b"))
            #expect(files.leftovers.isEmpty)
            #expect(try await connection.collect("echo alive").output == "alive\n")
        }
    }

    @Test("a connection cut in the middle is session.lost, and no half file has the final name")
    func cut() async throws {
        try await withServer(Self.sftpServer) { server in
            let files = try Files()
            defer { files.remove() }
            _ = try files.make("big", size: 60_000_000)
            for isUpload in [true, false] {
                let connection = try await SSHConnection.connect(to: server)
                let observer: FileTransfer.Observer = { if $0.completed > 1_000_000 { server.killSessions() } }
                let result = await code {
                    if isUpload {
                        try await connection.upload(files["big"], to: files["b"], progress: observer)
                    } else {
                        try await connection.download(files["big"], to: files["b"], progress: observer)
                    }
                }
                #expect(result == .sessionLost)
                #expect(!files.exists("b"))
                // What the server holds can't be removed any more.
                #expect(files.leftovers.count == 1)
            }
        }
    }

    @Test("a server that falls silent in the middle is given up after the bound")
    func silence() async throws {
        try await withServer(Self.sftpServer) { server in
            let files = try Files()
            defer { files.remove() }
            _ = try files.make("big", size: 60_000_000)
            let relay = try await Relay(to: server.port)
            let connection = try await SSHConnection.connect(
                SSHConfiguration(
                    host: "127.0.0.1", port: relay.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked),
                on: anyLoop, logger: .init(label: "test"))
            let result = await code {
                try await connection.upload(
                    files["big"], to: files["b"], options: .init(silence: .milliseconds(400))
                ) { _ in
                    Task { try await relay.pause() }
                }
            }
            #expect(result == .transferFailed)
            #expect(!files.exists("b"))
            await connection.close()
            await relay.stop()
        }
    }

    @Test("a server without the subsystem refuses")
    func refused() async throws {
        try await withServer { server in
            let files = try Files()
            defer { files.remove() }
            _ = try files.make("a", size: 10)
            let connection = try await SSHConnection.connect(to: server)
            #expect(await code { try await connection.upload(files["a"], to: files["b"]) } == .transferRefused)
            await connection.close()
        }
        try await withServer(.init(forcedCommand: "exec no-such-program")) { server in
            let files = try Files()
            defer { files.remove() }
            let connection = try await SSHConnection.connect(to: server)
            let result = await code {
                try await connection.download("/etc/passwd", to: files["b"], options: .init(method: .scp))
            }
            #expect(result == .transferRefused)
            await connection.close()
        }
    }

    @Test("several transfers and commands at once on one connection don't mix")
    func concurrent() async throws {
        try await withTransfers { files, connection in
            let hash = try files.make("a", size: 3_000_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let options = FileTransfer.Options(method: number % 2 == 0 ? .sftp : .scp)
                        let up = try await connection.upload(files["a"], to: files["up\(number)"], options: options)
                        let down = try await connection.download(
                            files["up\(number)"], to: files["down\(number)"], options: options)
                        #expect(up.sha256 == hash)
                        #expect(down.sha256 == hash)
                        #expect(try await connection.collect("echo \(number)").output == "\(number)\n")
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// Runs `body` with a folder, and a connection to a server that has SFTP.
private func withTransfers(_ body: (Files, SSHConnection) async throws -> Void) async throws {
    try await withServer(FileTransferTests.sftpServer) { server in
        let files = try Files()
        defer { files.remove() }
        let connection = try await SSHConnection.connect(to: server)
        try await body(files, connection)
        await connection.close()
    }
}

private func code(_ body: () async throws -> FileTransfer.Receipt) async -> SSHError.Code? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? SSHError)?.code
    }
}

private func run(_ program: String, _ arguments: [String]) -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    do { try process.run() } catch { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
}

private func residentKilobytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
    return Int(line.filter(\.isNumber)) ?? 0
}

/// A temporary folder.
private struct Files: Sendable {
    private let folder: String

    init() throws {
        self.folder =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("tether-files-\(UInt64.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }

    subscript(name: String) -> String { self.folder + "/" + name }

    /// Makes a file that repeats nowhere, and gives its hash.
    func make(_ name: String, size: Int, permissions: Int = 0o644) throws -> String {
        var bytes = [UInt8](repeating: 0, count: size)
        var state = UInt64(size) &+ 0x9E37_79B9_7F4A_7C15
        bytes.withUnsafeMutableBytes { region in
            for index in stride(from: 0, to: size - size % 8, by: 8) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                region.storeBytes(of: state, toByteOffset: index, as: UInt64.self)
            }
        }
        _ = FileManager.default.createFile(
            atPath: self[name], contents: Data(bytes), attributes: [.posixPermissions: permissions])
        return try self.hash(name)
    }

    func hash(_ name: String) throws -> String {
        var file = try LocalFile.read(self[name])
        defer { file.close() }
        while try file.read(upTo: 1 << 20).readableBytes > 0 {}
        return file.sha256
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self[name]) }

    func permissions(_ name: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: self[name])[.posixPermissions]) as? Int
    }

    /// Temporary files that were not removed.
    var leftovers: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self.folder)) ?? []).filter { $0.hasPrefix(".tether-") }
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.folder) }
}
