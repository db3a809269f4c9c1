/// How files get to and from a device of a platform.
package struct FileTransferMethod: Sendable {
    package enum Transport: String, Sendable, CaseIterable { case sftp, scp, none }

    package let transport: Transport
    /// Where a path without a directory belongs, with its separator at the end; empty where the device takes care of it.
    package let directory: String
    /// A command that has the device compute a file's hash, and what its output says.
    package let checksum: Checksum?

    package struct Checksum: Sendable {
        package enum Algorithm: String, Sendable, CaseIterable { case md5, sha1, sha256, sha512 }

        package let algorithm: Algorithm
        /// `CommandStep.command(path:)`.
        package let step: CommandStep

        /// Length of the hash in hexadecimal digits.
        package var digits: Int {
            switch self.algorithm {
            case .md5: 32
            case .sha1: 40
            case .sha256: 64
            case .sha512: 128
            }
        }

        /// The hash in a command's output, in lower case: the last word of the right length that is hexadecimal. `nil` when there is none.
        package func hash(in output: String) -> String? {
            let words = output.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
            return words.last { $0.utf8.count == self.digits && $0.allSatisfy(\.isHexDigit) }?
                .lowercased()
        }
    }
}
