import Glibc

/// Files that the command line names, and standard input.
enum InputFile {
    /// Why a file can't be read, in the system's words.
    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter path: `-` is standard input, read to its end.
    static func bytes(of path: String) throws(Unreadable) -> [UInt8] {
        guard path != "-" else { return try self.bytes(from: STDIN_FILENO) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        return try self.bytes(from: descriptor)
    }

    private static func bytes(from descriptor: Int32) throws(Unreadable) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer[..<count]
            } else if count == 0 {
                return bytes
            } else if errno != EINTR {
                throw Unreadable(description: String(cString: strerror(errno)))
            }
        }
    }
}
