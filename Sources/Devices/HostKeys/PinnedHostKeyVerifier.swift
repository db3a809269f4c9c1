import SSH

/// Accepts the one key whose fingerprint the inventory gives.
struct PinnedHostKeyVerifier: HostKeyVerifier {
    let fingerprint: String

    /// A fingerprint doesn't tell the key's type.
    func knownAlgorithms(host: String, port: Int) -> [String] { [] }

    func verify(_ key: HostKey, host: String, port: Int) throws(SSHError) {
        guard key.fingerprint != self.fingerprint else { return }
        throw SSHError(
            .hostKeyChanged,
            "\(host) port \(port) shows the host key \(key.fingerprint) (\(key.algorithm)), but the inventory pins \(self.fingerprint) in "
                + "`host_key`. A server with keys of several types shows one of them: pin that one, after checking it on the device."
        )
    }
}
