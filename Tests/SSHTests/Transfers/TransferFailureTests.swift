import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import SSH

@Suite("File transfer that fails")
struct TransferFailureTests {
    /// A way and a direction.
    struct Case: Sendable, CustomTestStringConvertible {
        var method: FileTransfer.Method
        var isUpload: Bool
        var testDescription: String { "\(self.isUpload ? "upload" : "download") by \(self.method)" }

        /// Copies `source` to `target`, whichever side they are on: it is the same machine.
        func copy(
            _ source: String, to target: String, over connection: SSHConnection, silence: Duration = .seconds(30),
            sha256: String? = nil, progress: FileTransfer.Observer? = nil
        ) async throws -> FileTransfer.Receipt {
            let options = FileTransfer.Options(method: self.method, silence: silence, sha256: sha256)
            return self.isUpload
                ? try await connection.upload(source, to: target, options: options, progress: progress)
                : try await connection.download(source, to: target, options: options, progress: progress)
        }

        /// Whether a target that was written to is nowhere to be seen after a failure.
        var leavesNothing: Bool { !self.isUpload || self.method == .sftp }
    }

    static let cases = [
        Case(method: .sftp, isUpload: true), Case(method: .sftp, isUpload: false),
        Case(method: .scp, isUpload: true), Case(method: .scp, isUpload: false),
    ]

    @Test(
        "a device that closes the connection in the middle is session.lost, and no half file has the name",
        arguments: cases)
    func cut(work: Case) async throws {
        try await withServer(sftpServer()) { server in
            let files = try TransferFolder()
            defer { files.remove() }
            _ = try files.make("big", size: 40_000_000)
            let connection = try await SSHConnection.connect(to: server)
            let observer: FileTransfer.Observer = { if $0.completed > 1_000_000 { server.killSessions() } }
            let result = await transferError {
                try await work.copy(files["big"], to: files["b"], over: connection, progress: observer)
            }
            #expect(result == .sessionLost)
            if work.leavesNothing { #expect(!files.exists("b")) }
            // What the server holds can't be removed any more.
            #expect(files.leftovers.count == (work.isUpload && work.method == .sftp ? 1 : 0))
        }
    }

    @Test("a device that falls silent in the middle is given up after the bound, and once", arguments: cases)
    func silence(work: Case) async throws {
        try await withServer(sftpServer()) { server in
            let files = try TransferFolder()
            defer { files.remove() }
            _ = try files.make("big", size: 40_000_000)
            let relay = try await Relay(to: server.port)
            let connection = try await connect(to: server, through: relay)
            let silentSince = NIOLockedValueBox<ContinuousClock.Instant?>(nil)
            let result = await transferError {
                try await work.copy(files["big"], to: files["b"], over: connection, silence: .milliseconds(500)) { _ in
                    let isFirst = silentSince.withLockedValue { since in
                        defer { since = since ?? .now }
                        return since == nil
                    }
                    if isFirst { Task { try await relay.pause() } }
                }
            }
            let elapsed = silentSince.withLockedValue { $0 }.map { .now - $0 } ?? .zero
            #expect(result == .transferTimeout)
            #expect(elapsed >= .milliseconds(400))
            #expect(elapsed < .seconds(5))
            if work.leavesNothing { #expect(!files.exists("b")) }
            if !work.isUpload { #expect(files.leftovers.isEmpty) }
            await connection.close()
            await relay.stop()
        }
    }

    @Test(
        "talk that brings nothing forward is no progress",
        arguments: [
            // Words on standard error; version packets (draft-ietf-secsh-filexfer-02 §4), again and again.
            (.scp, "while sleep 0.1; do echo busy >&2; done"),
            (.sftp, #"while sleep 0.1; do printf "\000\000\000\005\002\000\000\000\003"; done"#),
        ] as [(FileTransfer.Method, String)])
    func talk(method: FileTransfer.Method, program: String) async throws {
        try await withServer { server in
            let path = server.folder.appendingPathComponent("talker").path
            try "#!/bin/sh\n\(program)\n".write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            let options =
                method == .sftp ? sftpServer(sftp: path) : OpenSSHServer.Options(forcedCommand: path)
            try await withServer(options) { talker in
                let connection = try await SSHConnection.connect(to: talker)
                let files = try TransferFolder()
                defer { files.remove() }
                _ = try files.make("small", size: 100)
                let start = ContinuousClock.now
                let transfer = Task {
                    await transferError {
                        try await connection.upload(
                            files["small"], to: files["b"], options: .init(method: method, silence: .milliseconds(500)))
                    }
                }
                let timer = Task {
                    try await Task.sleep(for: .seconds(6))
                    transfer.cancel()
                }
                let code = await transfer.value
                timer.cancel()
                #expect(code == .transferTimeout || code == .transferFailed, "\(String(describing: code))")
                #expect(.now - start < .seconds(5))
                await connection.close()
            }
        }
    }

    @Test("a program that dies in the middle fails the transfer and not the connection", arguments: cases)
    func killedProgram(work: Case) async throws {
        // A process of its own, which the one that serves the connection outlives.
        try await withServer(sftpServer(sftp: "/usr/lib/openssh/sftp-server")) { server in
            let files = try TransferFolder()
            defer { files.remove() }
            _ = try files.make("big", size: 40_000_000)
            let connection = try await SSHConnection.connect(to: server)
            let isKilled = NIOLockedValueBox(false)
            let result = await transferError {
                try await work.copy(files["big"], to: files["b"], over: connection) { _ in
                    let isFirst = isKilled.withLockedValue { isKilled in
                        defer { isKilled = true }
                        return !isKilled
                    }
                    if isFirst { server.killPrograms() }
                }
            }
            #expect(result == .transferFailed)
            if work.leavesNothing { #expect(!files.exists("b")) }
            #expect(try await connection.collect("echo alive").output == "alive\n")
            await connection.close()
        }
    }

    @Test("a cancelled transfer ends at once, leaves nothing, and the connection goes on", arguments: cases)
    func cancelled(work: Case) async throws {
        try await withTransfers { files, connection in
            _ = try files.make("big", size: 40_000_000)
            let old = try files.make("target", size: 10)
            for threshold in [0, 1, 3_000_000] {
                let task = NIOLockedValueBox<Task<SSHError.Code?, Never>?>(nil)
                let started = Task {
                    await transferError {
                        try await work.copy(files["big"], to: files["target"], over: connection) { progress in
                            if progress.completed >= threshold { task.withLockedValue { $0?.cancel() } }
                        }
                    }
                }
                task.withLockedValue { $0 = started }
                if threshold == 0 { started.cancel() }
                #expect(await started.value == .cancelled)
                if work.leavesNothing { #expect(try files.hash("target") == old) }
                #expect(files.leftovers.isEmpty)
                #expect(try await connection.collect("echo alive").output == "alive\n")
            }
            #expect(try await work.copy(files["target"], to: files["again"], over: connection).size >= 10)
        }
    }

    @Test("another file than the hash says never gets the name", arguments: cases)
    func mismatch(work: Case) async throws {
        try await withTransfers { files, connection in
            let hash = try files.make("source", size: 700_000)
            let old = try files.make("target", size: 10)
            let copy = try await work.copy(
                files["source"], to: files["copy"], over: connection, sha256: hash.uppercased())
            #expect(copy.sha256 == hash)
            // One bit of one byte.
            let file = try #require(FileHandle(forUpdatingAtPath: files["source"]))
            try file.seek(toOffset: 300_000)
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try file.seek(toOffset: 300_000)
            try file.write(contentsOf: Data([byte ^ 1]))
            try file.close()
            #expect(
                await transferError {
                    try await work.copy(files["source"], to: files["target"], over: connection, sha256: hash)
                } == .transferMismatch)
            #expect(try files.hash("target") == old)
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("a folder in the place of the file, on either side, is an error, and nothing stays behind", arguments: cases)
    func folder(work: Case) async throws {
        try await withTransfers { files, connection in
            _ = try files.make("a", size: 100_000)
            try FileManager.default.createDirectory(atPath: files["folder/full"], withIntermediateDirectories: true)
            #expect(
                await transferError { try await work.copy(files["folder"], to: files["b"], over: connection) }
                    == .transferFailed)
            #expect(!files.exists("b"))
            // `scp -t` writes a file into the folder, as it does for everybody.
            if work.leavesNothing {
                #expect(
                    await transferError { try await work.copy(files["a"], to: files["folder"], over: connection) }
                        == .transferFailed)
                #expect(try FileManager.default.contentsOfDirectory(atPath: files["folder"]) == ["full"])
            }
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("a place on this machine that takes no files is named as that", arguments: FileTransferTests.methods)
    func localTarget(method: FileTransfer.Method) async throws {
        try await withTransfers { files, connection in
            _ = try files.make("a", size: 100)
            let download = Case(method: method, isUpload: false)
            // Not even root may make files there.
            #expect(
                await transferError { try await download.copy(files["a"], to: "/sys/kernel/a", over: connection) }
                    == .transferDenied)
            #expect(
                await transferError { try await download.copy(files["a"], to: files["a/b"], over: connection) }
                    == .transferNoSuchFile)
            #expect(try await connection.collect("echo alive").output == "alive\n")
        }
    }

    @Test(
        "what the server denies on the way is named as that, and the old file stays",
        arguments: ["open", "write", "fstat", "fsync", "close", "posix-rename,rename", "posix-rename,rename,stat"])
    func denied(requests: String) async throws {
        try await withTransfers(sftpServer(sftp: "internal-sftp -P \(requests)")) { files, connection in
            _ = try files.make("a", size: 300_000)
            let old = try files.make("b", size: 10)
            let result = await transferError { try await connection.upload(files["a"], to: files["b"]) }
            switch requests {
            // Servers need not know the size nor have stable storage.
            case "fstat", "fsync": #expect(result == nil)
            default:
                #expect(result == .transferDenied)
                #expect(try files.hash("b") == old)
            }
            #expect(files.leftovers.isEmpty)
        }
        try await withTransfers(sftpServer(sftp: "internal-sftp -P read")) { files, connection in
            _ = try files.make("a", size: 300_000)
            #expect(
                await transferError { try await connection.download(files["a"], to: files["b"]) } == .transferDenied)
            #expect(!files.exists("b"))
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("without an atomic rename the new file still replaces the old one, and the receipt says so")
    func plainRename() async throws {
        try await withTransfers(sftpServer(sftp: "internal-sftp -P posix-rename")) { files, connection in
            let hash = try files.make("a", size: 300_000)
            #expect(try await connection.upload(files["a"], to: files["b"]).isAtomic)
            _ = try files.make("b", size: 10)
            #expect(try await connection.upload(files["a"], to: files["b"]).isAtomic == false)
            #expect(try files.hash("b") == hash)
            #expect(files.leftovers.isEmpty)
            // A folder isn't moved aside.
            try FileManager.default.createDirectory(atPath: files["folder"], withIntermediateDirectories: true)
            #expect(
                await transferError { try await connection.upload(files["a"], to: files["folder"]) } == .transferFailed)
            #expect(files.exists("folder"))
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("a file that shrinks while it is copied is incomplete", arguments: cases)
    func shrinking(work: Case) async throws {
        try await withTransfers { files, connection in
            _ = try files.make("big", size: 40_000_000)
            let path = files["big"]
            let result = await transferError {
                try await work.copy(path, to: files["b"], over: connection) { _ in truncate(path, 100) }
            }
            // `scp -f` fills up with zeros and then complains in words of its own.
            #expect(result == (work.method == .scp && !work.isUpload ? .transferFailed : .transferIncomplete))
            if work.leavesNothing { #expect(!files.exists("b")) }
            #expect(files.leftovers.isEmpty)
            #expect(try await connection.collect("echo alive").output == "alive\n")
        }
    }
}

/// Connects to a server through a relay.
func connect(to server: OpenSSHServer, through relay: Relay) async throws -> SSHConnection {
    try await SSHConnection.connect(
        SSHConfiguration(
            host: "127.0.0.1", port: relay.port, username: server.username,
            authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
            hostKeyVerifier: .unchecked),
        on: anyLoop, logger: Logger(label: "test"))
}
