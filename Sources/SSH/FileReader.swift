import Foundation

/// Reads small files whole. Blocks: not for an event loop.
package enum FileReader {
    /// Why a file could not be read, as the end of a sentence.
    package struct Failure: Error, CustomStringConvertible {
        var errno: Int32
        package var description: String

        init(errno: Int32) {
            self.errno = errno
            self.description = String(cString: strerror(errno)).lowercased()
        }

        init(_ description: String) {
            self.errno = 0
            self.description = description
        }
    }

    package static func read(_ path: String, limit: Int) -> Result<[UInt8], Failure> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(Failure(errno: errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failure(Failure(errno: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(Failure("it is not a regular file")) }
        guard status.st_size <= limit else { return .failure(Failure("it is longer than \(limit) bytes")) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { region in
                Foundation.read(descriptor, region.baseAddress?.advanced(by: count), region.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return .failure(Failure(errno: errno)) }
            if got == 0 { break }
            count += got
        }
        bytes.removeLast(bytes.count - count)
        return .success(bytes)
    }
}
