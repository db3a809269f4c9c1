import Crypto
import Dialogue
import Foundation
import NIOPosix

/// Hashes of files on this machine, by the algorithms that devices have. MD5 and SHA-1 are for telling a damaged file, not a forged one.
enum LocalHash {
    private static let chunk = 1 << 20

    /// Lower-case hexadecimal digits. Works on NIO's thread pool.
    static func of(
        _ path: String, _ algorithm: FileTransferMethod.Checksum.Algorithm
    ) async throws -> String {
        try await NIOThreadPool.singleton.runIfActive {
            switch algorithm {
            case .md5: try Self.hash(path, Insecure.MD5())
            case .sha1: try Self.hash(path, Insecure.SHA1())
            case .sha256: try Self.hash(path, SHA256())
            case .sha512: try Self.hash(path, SHA512())
            }
        }
    }

    private static func hash(_ path: String, _ function: some HashFunction) throws -> String {
        var function = function
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        while let data = try file.read(upToCount: Self.chunk), !data.isEmpty { function.update(data: data) }
        return function.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
