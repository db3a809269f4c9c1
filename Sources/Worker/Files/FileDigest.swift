import Crypto
import Foundation

extension Digest {
    /// Lower-case hexadecimal digits.
    var hexadecimal: String { self.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}

extension SHA256 {
    private static let chunk = 1 << 20

    /// Of a file, in lower-case hexadecimal digits. Blocks.
    static func hexadecimal(ofFile path: String) throws -> String {
        var hash = SHA256()
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        while let data = try file.read(upToCount: Self.chunk), !data.isEmpty { hash.update(data: data) }
        return hash.finalize().hexadecimal
    }
}
