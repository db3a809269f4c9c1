/// Proof of a file transfer.
public struct FileReceipt: Sendable, Hashable {
    /// What was done to see that the file arrived whole, besides counting its bytes.
    public enum Verification: Sendable, Hashable {
        /// The device computed the file's hash, and it is that of the local file. Lower-case hexadecimal digits.
        case hash(algorithm: String, digits: String)
        /// Only the size was compared, and why no hash was.
        case size(reason: String)
    }

    /// Where the file is on the device.
    public var remotePath: String
    /// Bytes.
    public var size: Int64
    /// Of the bytes that were sent or received, in lower-case hexadecimal digits.
    public var sha256: String
    /// Whether the file's name led to either the old or the whole new file at all times.
    public var isAtomic: Bool
    public var verification: Verification
}
