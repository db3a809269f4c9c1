import Crypto
import Foundation
import NIOCore
import TestSupport

@testable import SSH

/// A temporary folder with files to copy.
struct TransferFolder: Sendable {
    let path: String

    init() throws {
        self.path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("tether-files-\(UInt64.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    subscript(name: String) -> String { self.path + "/" + name }

    /// Makes a file in which no page of 4 KiB is like another, and gives its hash.
    func make(_ name: String, size: Int, permissions: Int = 0o644) throws -> String {
        let path = self[name]
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw CocoaError(.fileWriteUnknown) }
        var state = UInt64(size) &+ 0x9E37_79B9_7F4A_7C15
        var block = (0..<131_072).map { _ -> UInt64 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
        var hash = SHA256()
        var number: UInt64 = 0
        var missing = size
        while missing > 0 {
            for page in stride(from: 0, to: block.count, by: 512) {
                block[page] = number
                number += 1
            }
            try block.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(missing))
                hash.update(bufferPointer: piece)
                try file.write(contentsOf: Data(piece))
                missing -= piece.count
            }
        }
        try file.close()
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
        return hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
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
        ((try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? []).filter { $0.hasPrefix(".tether-") }
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}

/// Whether tests take the time to move as much as the documentation promises, rather than as much as shows the same in seconds.
let takesLong = ProcessInfo.processInfo.environment["TETHER_LONG_TESTS"] != nil

/// A server that has SFTP, with further lines of sshd_config(5).
func sftpServer(_ lines: String..., sftp: String = "internal-sftp") -> OpenSSHServer.Options {
    .init(configuration: ["Subsystem sftp \(sftp)"] + lines)
}

/// Runs `body` with a folder, and a connection to a server that has SFTP.
func withTransfers(
    _ options: OpenSSHServer.Options = sftpServer(),
    _ body: (TransferFolder, SSHConnection) async throws -> Void
) async throws {
    try await withServer(options) { server in
        let files = try TransferFolder()
        defer { files.remove() }
        let connection = try await SSHConnection.connect(to: server)
        try await body(files, connection)
        await connection.close()
    }
}

/// What a transfer fails with; `nil` if it doesn't.
func transferError(_ body: () async throws -> FileTransfer.Receipt) async -> SSHError.Code? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? SSHError)?.code
    }
}

/// Runs a program to its end; its exit status, or -1.
func runProgram(_ path: String, _ arguments: [String]) -> Int32 {
    do {
        try OpenSSHServer.run(path, arguments)
        return 0
    } catch {
        return -1
    }
}

/// Resident memory of this process.
enum ResidentMemory {
    /// In KiB, now.
    static var current: Int { self.value("VmRSS") }
    /// In KiB, the most since ``resetPeak()``.
    static var peak: Int { self.value("VmHWM") }

    /// Makes the peak what is resident now (proc(5), `clear_refs`). `false` if the kernel doesn't.
    static func resetPeak() -> Bool {
        guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
        defer { try? file.close() }
        return (try? file.write(contentsOf: Data("5".utf8))) != nil
    }

    private static func value(_ name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
        return Int(line.filter(\.isNumber)) ?? 0
    }
}
