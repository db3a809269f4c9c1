import Crypto
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import SSH

/// The server renews the keys (RFC 4253 §9) again and again while much is under way.
@Suite("Rekeying")
struct RekeyTests {
    static let megabytes = takesLong ? 100 : 24
    static let size = megabytes << 20

    @Test("nothing of a command's output is lost while keys are renewed")
    func command() async throws {
        try await withRekeying { server, files, connection in
            let hash = try files.make("source", size: Self.size)
            #expect(try await connection.hash(ofOutputOf: "cat \(files["source"])") == hash)
            #expect(server.keyExchanges > Self.megabytes / 2)
        }
    }

    @Test("nothing of a shell's output is lost while keys are renewed, and the shell takes input afterwards")
    func shell() async throws {
        try await withRekeying { server, files, connection in
            let hash = try files.make("source", size: Self.size)
            let sink = ShellSink(size: Self.size)
            let shell = try await connection.openShell(PseudoTerminal(), receive: sink.receive)
            shell.send("stty raw -echo; printf '\\001begin\\001'; cat \(files["source"])\n", on: connection.eventLoop)
            #expect(await until(within: .seconds(120)) { sink.count >= Self.size || sink.isClosed })
            #expect(sink.hash == hash)
            shell.send("printf '\\001end\\001'\n", on: connection.eventLoop)
            #expect(await until { sink.rest.contains("\u{1}end\u{1}") || sink.isClosed })
            #expect(!sink.isClosed)
            #expect(server.keyExchanges > Self.megabytes / 2)
        }
    }

    @Test("files arrive whole both ways while keys are renewed", arguments: FileTransferTests.methods)
    func transfers(method: FileTransfer.Method) async throws {
        try await withRekeying { server, files, connection in
            let hash = try files.make("source", size: Self.size)
            let options = FileTransfer.Options(method: method, sha256: hash)
            let before = server.keyExchanges
            _ = try await connection.upload(files["source"], to: files["up"], options: options)
            #expect(try files.hash("up") == hash)
            let between = server.keyExchanges
            // Bytes that pass while keys are exchanged don't count.
            #expect(between - before > Self.megabytes / 2)
            _ = try await connection.download(files["up"], to: files["down"], options: options)
            #expect(try files.hash("down") == hash)
            #expect(server.keyExchanges - between > Self.megabytes / 2)
            #expect(files.leftovers.isEmpty)
        }
    }

    @Test("channels of every kind side by side keep their bytes while keys are renewed")
    func everything() async throws {
        try await withRekeying { server, files, connection in
            let size = Self.size / 8
            let hash = try files.make("source", size: size)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2 {
                    for method in FileTransferTests.methods {
                        group.addTask {
                            let name = "\(method)\(number)"
                            let options = FileTransfer.Options(method: method, sha256: hash)
                            _ = try await connection.upload(files["source"], to: files[name], options: options)
                            _ = try await connection.download(files[name], to: files[name + "d"], options: options)
                            #expect(try files.hash(name + "d") == hash)
                        }
                    }
                    group.addTask {
                        let printed = try await connection.hash(ofOutputOf: "cat \(files["source"])")
                        #expect(printed == hash)
                    }
                    group.addTask {
                        // Standard error has a stream of its own and the same window.
                        let result = try await connection.collect("seq 1 50000; seq 1 50000 >&2")
                        #expect(result.output == result.error)
                        #expect(result.output.hasSuffix("\n50000\n"))
                    }
                    // Short-lived channels open and close in the middle of key exchanges.
                    group.addTask {
                        for step in 0..<40 {
                            let output = try await connection.collect("echo \(step)").output
                            #expect(output == "\(step)\n")
                        }
                    }
                    group.addTask {
                        let recorder = ShellRecorder()
                        let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
                        shell.send("stty raw -echo; printf '\\001'; cat\n", on: connection.eventLoop)
                        #expect(await until { recorder.text.hasSuffix("\u{1}") })
                        let start = recorder.count
                        for step in 0..<200 {
                            shell.send("line \(step)\n", on: connection.eventLoop)
                            let expected = (0...step).map { "line \($0)\n" }.joined()
                            #expect(await until { recorder.count >= start + expected.utf8.count })
                            #expect(recorder.bytes[start...].elementsEqual(expected.utf8))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.keyExchanges > Self.megabytes / 2)
            #expect(try await connection.collect("echo alive").output == "alive\n")
        }
    }

    @Test("an upload that is cancelled in the middle of a key exchange leaves nothing, and the connection goes on")
    func cancelled() async throws {
        try await withRekeying { _, files, connection in
            _ = try files.make("source", size: Self.size)
            for round in 0..<12 {
                let task = NIOLockedValueBox<Task<SSHError.Code?, Never>?>(nil)
                let started = Task {
                    await transferError {
                        try await connection.upload(files["source"], to: files["up"]) { progress in
                            if progress.completed > 300_000 * (round + 1) { task.withLockedValue { $0?.cancel() } }
                        }
                    }
                }
                task.withLockedValue { $0 = started }
                #expect(await started.value == .cancelled)
                #expect(files.leftovers.isEmpty)
                #expect(!files.exists("up"))
                #expect(try await connection.collect("echo \(round)").output == "\(round)\n")
            }
        }
    }

    @Test(
        "keys are renewed wherever the network cuts the stream",
        arguments: takesLong
            ? [(1, 20_000), (7, 60_000), (61, 300_000), (4000, 4_000_000)] : [(1, 20_000), (61, 100_000)])
    func pieces(size: Int, volume: Int) async throws {
        try await withServer(sftpServer("RekeyLimit 16K", "LogLevel DEBUG1")) { server in
            let files = try TransferFolder()
            defer { files.remove() }
            let relay = try await Relay(
                to: server.port, pieceSize: size, serverPieceSize: size, isRandom: size > 1)
            let connection = try await connect(to: server, through: relay)
            let hash = try files.make("source", size: volume)
            #expect(try await connection.hash(ofOutputOf: "cat \(files["source"])") == hash)
            for method in FileTransferTests.methods {
                let options = FileTransfer.Options(method: method, sha256: hash)
                _ = try await connection.upload(files["source"], to: files["up"], options: options)
                _ = try await connection.download(files["up"], to: files["down"], options: options)
                #expect(try files.hash("down") == hash)
            }
            #expect(server.keyExchanges > 6)
            await connection.close()
            await relay.stop()
        }
    }
}

/// Runs `body` with a server that renews keys after every MiB, and a connection to it.
private func withRekeying(
    _ body: (OpenSSHServer, TransferFolder, SSHConnection) async throws -> Void
) async throws {
    try await withServer(sftpServer("RekeyLimit 1M", "LogLevel DEBUG1", "MaxSessions 100")) { server in
        let files = try TransferFolder()
        defer { files.remove() }
        let connection = try await SSHConnection.connect(to: server)
        try await body(server, files, connection)
        await connection.close()
    }
}

extension OpenSSHServer {
    /// How often the server has begun a key exchange. Needs `LogLevel DEBUG1`.
    fileprivate var keyExchanges: Int { self.log.components(separatedBy: "SSH2_MSG_KEXINIT sent").count - 1 }
}

extension SSHConnection {
    /// SHA-256 of what a command prints, in hexadecimal digits.
    fileprivate func hash(ofOutputOf command: String) async throws -> String {
        let hash = NIOLockedValueBox(SHA256())
        let exit = try await self.execute(command) { _, piece in
            piece.withUnsafeReadableBytes { bytes in hash.withLockedValue { $0.update(bufferPointer: bytes) } }
        }
        #expect(exit == .status(0))
        return hash.withLockedValue { $0.finalize() }.hexadecimal
    }
}

extension SHA256Digest {
    fileprivate var hexadecimal: String {
        self.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// Hashes the first `size` bytes that a shell prints after a mark.
private final class ShellSink: Sendable {
    private struct State {
        var before: [UInt8] = []
        var hasBegun = false
        var hash = SHA256()
        var count = 0
        var rest: [UInt8] = []
        var isClosed = false
    }
    private let state = NIOLockedValueBox(State())
    private let size: Int
    private static let mark = Array("\u{1}begin\u{1}".utf8)

    init(size: Int) { self.size = size }

    var receive: @Sendable (ShellEvent) -> Void {
        { event in
            self.state.withLockedValue { state in
                switch event {
                case .closed: state.isClosed = true
                case .data(let piece) where state.hasBegun: self.take(piece, &state)
                case .data(let piece):
                    state.before += piece.readableBytesView
                    guard let mark = state.before.firstRange(of: Self.mark) else { return }
                    state.hasBegun = true
                    self.take(ByteBuffer(bytes: state.before[mark.upperBound...]), &state)
                }
            }
        }
    }

    private func take(_ piece: ByteBuffer, _ state: inout State) {
        var piece = piece
        if let counted = piece.readSlice(length: min(piece.readableBytes, self.size - state.count)) {
            counted.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
            state.count += counted.readableBytes
        }
        state.rest += piece.readableBytesView
    }

    var count: Int { self.state.withLockedValue { $0.count } }
    var isClosed: Bool { self.state.withLockedValue { $0.isClosed } }
    var hash: String { self.state.withLockedValue { $0.hash.finalize() }.hexadecimal }
    var rest: String { String(decoding: self.state.withLockedValue { $0.rest }, as: UTF8.self) }
}
