import Devices
import Foundation

/// The folder that jobs may read files from and write files to, and nothing outside of it.
///
/// A path is walked one folder at a time from the root's descriptor, and no symbolic link is followed on the way (what `openat2` calls
/// `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`): what is checked is what is opened, whatever others do to the folder meanwhile. The root itself
/// may be a symbolic link. All functions block.
struct ArtifactStore: Sendable {
    let root: String

    /// Prefix of the names of what isn't complete yet. Jobs can't name those.
    static let temporaryPrefix = ".tether-"

    /// A file that stays the same one while it is open, whatever becomes of its name.
    final class OpenFile: Sendable {
        let descriptor: CInt
        let size: Int64

        fileprivate init(descriptor: CInt, size: Int64) {
            self.descriptor = descriptor
            self.size = size
        }

        deinit { close(self.descriptor) }

        /// Leads to this very file for as long as it is open (proc(5)).
        var path: String { "/proc/self/fd/\(self.descriptor)" }
    }

    /// The parts of a relative path.
    /// - Throws: `artifacts.refused`.
    static func components(of path: String) throws(DeviceError) -> [String] {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for part in parts {
            guard !part.isEmpty, part != ".", part != "..", !part.utf8.contains(0), part.utf8.count <= 255 else {
                throw Self.refused(path, "is not a relative path below the artifact folder")
            }
            guard !part.hasPrefix(Self.temporaryPrefix) else {
                throw Self.refused(path, "has a name that is kept for incomplete files")
            }
        }
        return parts
    }

    /// Opens a plain file for reading.
    /// - Throws: `artifacts.refused`, `artifacts.failed`.
    func open(_ path: String) throws(DeviceError) -> OpenFile {
        let parts = try Self.components(of: path)
        let folder = try self.folder(parts.dropLast(), of: path, creating: false)
        defer { close(folder) }
        // Without O_NONBLOCK a named pipe would hold the thread until somebody writes to it.
        let descriptor = openat(folder, parts[parts.count - 1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(errno, path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Self.refused(path, "is not a plain file")
        }
        return OpenFile(descriptor: descriptor, size: Int64(status.st_size))
    }

    /// Gives a complete file its name, in one step: whoever looks sees the old file or the whole new one. Missing folders are made.
    /// - Parameter temporary: on the root's file system.
    /// - Throws: `artifacts.refused`, `artifacts.failed`.
    func place(_ temporary: String, at path: String) throws(DeviceError) {
        let parts = try Self.components(of: path)
        let folder = try self.folder(parts.dropLast(), of: path, creating: true)
        defer { close(folder) }
        var status = stat()
        if fstatat(folder, parts[parts.count - 1], &status, AT_SYMLINK_NOFOLLOW) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw Self.refused(path, "exists, and is not a plain file")
            }
        }
        guard renameat(AT_FDCWD, temporary, folder, parts[parts.count - 1]) == 0 else {
            throw Self.failure(errno, path)
        }
        fsync(folder)
    }

    /// A descriptor of the folder that `parts` lead to.
    private func folder(_ parts: ArraySlice<String>, of path: String, creating: Bool) throws(DeviceError) -> CInt {
        var current = Foundation.open(self.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0 else { throw Self.failure(errno, path) }
        for part in parts {
            if creating, mkdirat(current, part, 0o750) != 0, errno != EEXIST {
                let code = errno
                close(current)
                throw Self.failure(code, path)
            }
            let next = openat(current, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            let code = errno
            close(current)
            guard next >= 0 else { throw Self.failure(code, path) }
            current = next
        }
        return current
    }

    private static func failure(_ code: CInt, _ path: String) -> DeviceError {
        switch code {
        // O_NOFOLLOW answers ELOOP for a link, with O_DIRECTORY ENOTDIR.
        case ELOOP, ENOTDIR: Self.refused(path, "leads through a symbolic link, or through something that is no folder")
        default:
            DeviceError(
                code: "artifacts.failed",
                message: "the artifact \(quoted(path)): \(String(cString: strerror(code)).lowercased())")
        }
    }

    private static func refused(_ path: String, _ reason: String) -> DeviceError {
        DeviceError(code: "artifacts.refused", message: "the artifact \(quoted(path)) \(reason)")
    }
}

/// A job's text as it may stand in a message.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(120).reduce(into: "") { result, scalar in
        result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return "`\(shown)\(text.unicodeScalars.count > 120 ? "…" : "")`"
}
