import Crypto
import Foundation
import NIOCore
import NIOPosix

/// A file on this machine that is read or written from front to back, with a running SHA-256.
///
/// A value that moves to the thread pool and back for every step, so that nothing blocks an event loop. The owner calls
/// ``close()`` exactly once.
struct LocalFile: Sendable {
    private let descriptor: CInt
    private var hash = SHA256()
    private(set) var position: Int64 = 0
    /// As the file system had them when the file was opened.
    let size: Int64
    let permissions: UInt32

    /// Lower-case hexadecimal digits.
    var sha256: String { self.hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }

    /// Opens a regular file for reading. Blocks, like all functions here but those that say `onPool`.
    static func read(_ path: String) throws(SSHError) -> LocalFile {
        // Without O_NONBLOCK a named pipe would hold the thread until somebody writes to it.
        try LocalFile(path, O_RDONLY | O_NONBLOCK, permissions: 0)
    }

    /// Creates a file that must not exist.
    static func create(_ path: String, permissions: UInt32) throws(SSHError) -> LocalFile {
        try LocalFile(path, O_WRONLY | O_CREAT | O_EXCL, permissions: permissions)
    }

    private init(_ path: String, _ flags: CInt, permissions: UInt32) throws(SSHError) {
        let descriptor = open(path, flags | O_CLOEXEC, permissions)
        guard descriptor >= 0 else { throw Self.failure(errno, path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Foundation.close(descriptor)
            throw SSHError(.transferFailed, "\(path) on this machine is not a regular file.")
        }
        self.descriptor = descriptor
        self.size = Int64(status.st_size)
        self.permissions = UInt32(status.st_mode) & 0o777
    }

    /// The next bytes; none at the end of the file.
    mutating func read(upTo count: Int) throws(SSHError) -> ByteBuffer {
        var buffer = ByteBuffer()
        var code: CInt = 0
        let descriptor = self.descriptor
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { region in
            var filled = 0
            while filled < count {
                let got = Foundation.read(descriptor, region.baseAddress?.advanced(by: filled), count - filled)
                if got < 0, errno == EINTR { continue }
                if got < 0 { code = errno }
                guard got > 0 else { break }
                filled += got
            }
            return filled
        }
        guard code == 0 else { throw Self.failure(code, "The file") }
        self.account(buffer)
        return buffer
    }

    mutating func write(_ pieces: [ByteBuffer]) throws(SSHError) {
        for piece in pieces {
            var code: CInt = 0
            let descriptor = self.descriptor
            piece.withUnsafeReadableBytes { region in
                var written = 0
                while written < region.count {
                    let count = Foundation.write(
                        descriptor, region.baseAddress?.advanced(by: written), region.count - written)
                    if count < 0, errno == EINTR { continue }
                    if count < 0 { code = errno }
                    guard count > 0 else { break }
                    written += count
                }
            }
            guard code == 0 else { throw Self.failure(code, "The file") }
            self.account(piece)
        }
    }

    /// Reads up to the end, for the hash of a file that is to be sent later.
    ///
    /// - Throws: `transfer.mismatch` if it isn't `expected`.
    static func check(_ path: String, sha256 expected: String) throws(SSHError) {
        var file = try LocalFile.read(path)
        defer { file.close() }
        while try file.read(upTo: FileTransfer.chunkSize).readableBytes > 0 {}
        try file.check(sha256: expected, path)
    }

    /// - Throws: `transfer.mismatch` unless what has been read or written has this hash.
    func check(sha256 expected: String?, _ what: String) throws(SSHError) {
        guard let expected else { return }
        let actual = self.sha256
        guard actual == expected.lowercased() else {
            throw SSHError(.transferMismatch, "\(what) has the SHA-256 \(actual), not \(expected.lowercased()).")
        }
    }

    func synchronize() throws(SSHError) {
        guard fsync(self.descriptor) == 0 else { throw Self.failure(errno, "The file") }
    }

    func close() { Foundation.close(self.descriptor) }

    private mutating func account(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { self.hash.update(bufferPointer: $0) }
        self.position += Int64(bytes.readableBytes)
    }

    /// Puts a complete file in its place, and makes that last.
    static func rename(_ path: String, to final: String) throws(SSHError) {
        guard Foundation.rename(path, final) == 0 else { throw Self.failure(errno, final) }
        let folder = open((final as NSString).deletingLastPathComponent.nonEmpty ?? ".", O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        Foundation.close(folder)
    }

    static func remove(_ path: String) { unlink(path) }

    static func failure(_ code: CInt, _ what: String) -> SSHError {
        let kind: SSHError.Code =
            switch code {
            case ENOENT, ENOTDIR: .transferNoSuchFile
            case EACCES, EPERM, EROFS: .transferDenied
            case ENOSPC, EDQUOT, EFBIG: .transferNoSpace
            default: .transferFailed
            }
        return SSHError(kind, "\(what) on this machine: \(String(cString: strerror(code)).lowercased()).")
    }

    /// Runs `body` on the thread pool. A cancelled task waits for it all the same: a file must not be closed under a read.
    static func onPool<Value: Sendable>(
        _ eventLoop: any EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws(SSHError) -> Value {
        switch await NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop, body).outcome() {
        case .success(let value): return value
        case .failure(let error as SSHError): throw error
        case .failure(let error): throw SSHError(.transferFailed, "No thread to work on a file with: \(error).")
        }
    }
}

extension String {
    var nonEmpty: String? { self.isEmpty ? nil : self }
}
