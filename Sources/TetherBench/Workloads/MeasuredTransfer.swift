import ArgumentParser
import Crypto
import Foundation
import Logging
import NIOPosix
import SSH

/// One file transfer in a process of its own, so that its time and memory are its own. Started by ``FilesBenchmark``.
struct MeasuredTransfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "One file transfer; prints one line of JSON.",
        shouldDisplay: false
    )

    enum Method: String, ExpressibleByArgument, CaseIterable {
        case sftp, scp

        var method: FileTransfer.Method {
            switch self {
            case .sftp: .sftp
            case .scp: .scp
            }
        }
    }

    enum Direction: String, ExpressibleByArgument, CaseIterable { case upload, download }

    struct Result: Codable, Sendable {
        /// Of the transfer alone, without the connection.
        var seconds: Double
        /// The most resident memory during the transfer, less what was resident before it and after a small one.
        var growthBytes: Int

        init(seconds: Double, growthBytes: Int) {
            self.seconds = seconds
            self.growthBytes = growthBytes
        }

        /// Reads the last line of a process's output.
        init(lastLineOf output: String) throws {
            guard let line = output.split(separator: "\n").last else {
                throw BenchmarkError("a measured transfer printed nothing")
            }
            self = try JSONDecoder().decode(Self.self, from: Data(line.utf8))
        }
    }

    @Argument var method: Method
    @Argument var direction: Direction
    @Argument var source: String
    @Argument var target: String
    @Option var port: Int
    @Option var user: String
    @Option(help: "Private key file.") var key: String

    func run() async throws {
        let connection = try await SSHConnection.connect(
            SSHConfiguration(
                host: "127.0.0.1", port: self.port, username: self.user,
                authentication: [.privateKey(.file(self.key), passphrase: nil)],
                hostKeyVerifier: PolicyHostKeyVerifier(.off, knownHosts: KnownHosts(text: ""))),
            on: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "bench"))
        // Closed before the process ends, whatever happens: OpenSSL takes itself down at exit, under the feet of other threads.
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await self.measure(connection))
        } catch {
            result = .failure(error)
        }
        await connection.close()
        print(String(decoding: try JSONEncoder().encode(result.get()), as: UTF8.self))
    }

    private func measure(_ connection: SSHConnection) async throws -> Result {
        // What the first transfer brings into memory once for all isn't the large file's.
        try await self.copy("/bin/sh", over: connection)
        let before = ResourceUsage.residentBytes() ?? 0
        let canReset = ResourceUsage.resetPeak()
        let start = ResourceUsage.now
        try await self.copy(self.source, over: connection)
        let seconds = (ResourceUsage.now - start).wallSeconds
        let peak = canReset ? ResourceUsage.peakResidentBytes() : ResourceUsage.residentBytes()
        return Result(seconds: seconds, growthBytes: (peak ?? 0) - before)
    }

    private func copy(_ source: String, over connection: SSHConnection) async throws {
        let options = FileTransfer.Options(method: self.method.method)
        switch self.direction {
        case .upload: _ = try await connection.upload(source, to: self.target, options: options)
        case .download: _ = try await connection.download(source, to: self.target, options: options)
        }
    }

    /// SHA-256 of a file.
    static func hash(of path: String) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else { throw BenchmarkError("there is no \(path)") }
        defer { try? file.close() }
        var hash = SHA256()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
        return hash.finalize().map { String(format: "%02x", $0) }.joined()
    }
}
