/// Decides whether a server is the one that the caller means.
///
/// Called on the connection's event loop between key exchange and authentication, for every connection of every kind;
/// nothing is sent to the server before it returns. It must not block for long.
package protocol HostKeyVerifier: Sendable {
    /// The key types (names as in ``HostKey/algorithm``) known for this host; they are negotiated first, so that a server
    /// with several keys shows one that can be checked. Empty when nothing is known.
    func knownAlgorithms(host: String, port: Int) -> [String]

    /// Returns if the key is acceptable. Throws `hostKeyUnknown` or `hostKeyChanged` otherwise.
    func verify(_ key: HostKey, host: String, port: Int) throws(SSHError)
}
