#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What tells whether the files of an inventory are still the same: their names, and of each what a change can't leave as it is.
///
/// Links are followed: where Kubernetes mounts a ConfigMap, a change swaps a link to a folder, and none of the names that one sees.
struct FileStamps: Sendable, Equatable {
    private struct Stamp: Equatable {
        var path: String
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int64
        var nanoseconds: Int64
    }

    private let stamps: [Stamp]

    /// A file that can't be looked at is one that isn't there.
    init(path: String) {
        let files = (try? InventoryReader.files(at: path)) ?? []
        self.stamps = files.compactMap { file in
            var status = stat()
            guard stat(file, &status) == 0 else { return nil }
            #if os(Linux) || os(Android)
                let time = status.st_mtim
            #else
                let time = status.st_mtimespec
            #endif
            return Stamp(
                path: file, device: UInt64(truncatingIfNeeded: status.st_dev),
                inode: UInt64(truncatingIfNeeded: status.st_ino),
                size: Int64(status.st_size), seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
        }
    }
}

/// Decides when changed files are read: when they have been the same at two looks in a row, so that nothing is read that is still being written.
struct FileChanges: Sendable {
    /// As they were when they were last read.
    private var read: FileStamps?
    private var seen: FileStamps?

    /// - Returns: whether they are to be read now.
    mutating func look(_ now: FileStamps) -> Bool {
        defer { self.seen = now }
        return now != self.read && now == self.seen
    }

    /// They are being read, as they were when that began: a change in the middle is found at the next look.
    mutating func reads(_ stamps: FileStamps) {
        self.read = stamps
        self.seen = stamps
    }
}
