import Foundation

/// Appends to `known_hosts` files that other processes append to as well.
enum KnownHostsFile {
    /// Adds a line with one write in append mode, so that lines of several processes never mix. Creates the file (mode 0600)
    /// and its directory (0700).
    ///
    /// - Returns: why that failed; `nil` when it didn't.
    static func append(_ line: String, to path: String) -> String? {
        var descriptor = self.open(path)
        if descriptor < 0, errno == ENOENT {
            let directory = (path as NSString).deletingLastPathComponent
            try? FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            descriptor = self.open(path)
        }
        guard descriptor >= 0 else { return self.failure(path) }
        defer { close(descriptor) }
        let start = self.endsInLine(descriptor) ? "" : "\n"
        let bytes = Array("\(start)\(line)\n".utf8)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        return written == bytes.count ? nil : self.failure(path)
    }

    private static func open(_ path: String) -> Int32 {
        Foundation.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    }

    /// Whether the next byte begins a line.
    private static func endsInLine(_ descriptor: Int32) -> Bool {
        let size = lseek(descriptor, 0, SEEK_END)
        guard size > 0 else { return true }
        var last: UInt8 = 0
        return pread(descriptor, &last, 1, size - 1) == 1 && last == UInt8(ascii: "\n")
    }

    private static func failure(_ path: String) -> String {
        "The host key could not be written to \(path): \(FileReader.Failure(errno: errno))."
    }
}
