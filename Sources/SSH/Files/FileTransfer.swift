/// Copying one file to or from a host.
package struct FileTransfer: Sendable {
    /// How the bytes travel.
    package enum Method: Sendable, Hashable {
        /// SFTP version 3 (draft-ietf-secsh-filexfer-02), as a subsystem.
        case sftp
        /// The protocol of `scp -t` and `scp -f`, for devices that know nothing else. The file is written in place: when the
        /// transfer fails, what has arrived by then stays under the final name. Most devices take the path of a folder to mean
        /// a file in it.
        case scp
    }

    /// Where an upload goes until it is complete. Downloads always go to a temporary file first.
    package enum Placement: Sendable, Hashable {
        /// Into a file with a temporary name in the same folder, which then takes the final name: in one step where the server
        /// has `posix-rename@openssh.com`, else by moving the old file aside first. SFTP only.
        case renamed
        /// Straight into the final file.
        case inPlace
    }

    package struct Options: Sendable {
        package var method: Method
        package var placement: Placement
        /// Permission bits of the new file; `nil`: those of the source.
        package var permissions: UInt32?
        /// The other side is given up when it shows no progress for this long.
        package var silence: Duration
        /// SHA-256 that the file must have, in hexadecimal digits. Another one ends the transfer with `transfer.mismatch` before
        /// anything has the final name.
        package var sha256: String?
        /// Asked before each write to the other side; once it says no, the transfer ends with `session.closed`, and nothing is cleaned up there.
        package var mayWrite: @Sendable () -> Bool

        package init(
            method: Method = .sftp,
            placement: Placement = .renamed,
            permissions: UInt32? = nil,
            silence: Duration = .seconds(30),
            sha256: String? = nil,
            mayWrite: @escaping @Sendable () -> Bool = { true }
        ) {
            self.method = method
            self.placement = placement
            self.permissions = permissions
            self.silence = silence
            self.sha256 = sha256
            self.mayWrite = mayWrite
        }
    }

    package struct Progress: Sendable, Hashable {
        /// Bytes that the receiving side has taken.
        package var completed: Int64
        /// Size of the file; `nil` if the server doesn't tell.
        package var total: Int64?
    }

    /// What has been copied.
    package struct Receipt: Sendable, Hashable {
        package var size: Int64
        /// SHA-256 of the bytes that were sent or received, in lower-case hexadecimal digits.
        package var sha256: String
        /// Whether the final name led to either the old or the whole new file at all times.
        package var isAtomic: Bool
        /// Whether the receiving side has confirmed that the file is on stable storage.
        package var isSynchronized: Bool
    }

    /// Told of every piece, on the connection's event loop. Must not block.
    package typealias Observer = @Sendable (Progress) -> Void

    /// Bytes read from or written to a local file at a time.
    static let chunkSize = 256 * 1024
}
