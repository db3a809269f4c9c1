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

    @Test("a large file arrives whole both ways, and memory doesn't grow with it", arguments: methods)
    func bulk(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            let size = (takesLong ? 200_000_000 : 40_000_000) + 12345
            let hash = try files.make("source", size: size)
            let options = FileTransfer.Options(method: method)
            // What grows once is not what grows with the file.
            _ = try files.make("small", size: 1_000_000)
            _ = try await connection.upload(files["small"], to: files["small2"], options: options)
            _ = try await connection.download(files["small"], to: files["small3"], options: options)
            let canResetPeak = ResidentMemory.resetPeak()
            let before = ResidentMemory.current
            func growth() -> Int { (canResetPeak ? ResidentMemory.peak : ResidentMemory.current) - before }
            let seen = NIOLockedValueBox<[FileTransfer.Progress]>([])
            let up = try await connection.upload(files["source"], to: files["up"], options: options) { progress in
                seen.withLockedValue { $0.append(progress) }
            }
            let upGrowth = growth()
            #expect(up.size == Int64(size))
            #expect(up.sha256 == hash)
            #expect(up.isAtomic == (method == .sftp))
            #expect(try files.hash("up") == hash)
            let steps = seen.withLockedValue { $0 }
            #expect(steps.count > 50)
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.completed <= $1.completed })
            #expect(steps.last?.total == Int64(size))

            let down = try await connection.download(files["up"], to: files["down"], options: options)
            let downGrowth = growth()
            #expect(down.size == Int64(size))
            #expect(down.sha256 == hash)
            #expect(try files.hash("down") == hash)
            // A sanitizer keeps what has been freed.
            if !isSanitized {
                #expect(upGrowth < 16 * 1024, "KB of resident memory at most, while sending")
                #expect(downGrowth < 16 * 1024, "KB of resident memory at most, after fetching")
            }
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
                await transferError { try await connection.download(files["no"], to: files["b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await transferError { try await connection.upload(files["a"], to: files["no/b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await transferError { try await connection.upload(files["no"], to: files["b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await transferError { try await connection.download(files["a"], to: files["no/b"], options: options) }
                    == .transferNoSuchFile)
            #expect(
                await transferError { try await connection.download("/tmp", to: files["b"], options: options) }
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
            let result = await transferError {
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
            guard runProgram("/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]) == 0 else { return }
            defer { _ = runProgram("/bin/umount", ["-l", mount]) }
            _ = try files.make("a", size: 3_000_000)
            let options = FileTransfer.Options(method: method)
            #expect(
                await transferError { try await connection.upload(files["a"], to: mount + "/b", options: options) }
                    == .transferNoSpace)
            if method == .sftp { #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty) }
            for name in try FileManager.default.contentsOfDirectory(atPath: mount) { unlink(mount + "/" + name) }
            #expect(
                await transferError { try await connection.download(files["a"], to: mount + "/b", options: options) }
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
                await transferError {
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
                await transferError {
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

    @Test("a server without the subsystem refuses")
    func refused() async throws {
        try await withServer { server in
            let files = try TransferFolder()
            defer { files.remove() }
            _ = try files.make("a", size: 10)
            let connection = try await SSHConnection.connect(to: server)
            #expect(await transferError { try await connection.upload(files["a"], to: files["b"]) } == .transferRefused)
            await connection.close()
        }
        try await withServer(.init(forcedCommand: "exec no-such-program")) { server in
            let files = try TransferFolder()
            defer { files.remove() }
            let connection = try await SSHConnection.connect(to: server)
            let result = await transferError {
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
