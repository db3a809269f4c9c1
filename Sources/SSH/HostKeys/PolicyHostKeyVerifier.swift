import Logging

/// What is done about host keys that aren't known.
package enum HostKeyCheck: String, Sendable, Hashable, CaseIterable {
    /// Only known keys are accepted.
    case strict
    /// The first key of an unknown host is accepted and learned; a changed one is refused.
    case acceptNew = "accept_new"
    /// Every key is accepted, and none is learned.
    case off
}

/// Checks host keys against ``KnownHosts`` by one of three policies.
package struct PolicyHostKeyVerifier: HostKeyVerifier {
    private let check: HostKeyCheck
    private let knownHosts: KnownHosts
    private let logger: Logger
    private let learned: (@Sendable (HostKey, String, Int) -> Void)?

    /// - Parameter learned: called with each key that was learned, its host and port, on the connection's event loop.
    package init(
        _ check: HostKeyCheck,
        knownHosts: KnownHosts,
        logger: Logger = Logger(label: "tether.hostkeys"),
        learned: (@Sendable (HostKey, String, Int) -> Void)? = nil
    ) {
        self.check = check
        self.knownHosts = knownHosts
        self.logger = logger
        self.learned = learned
    }

    package func knownAlgorithms(host: String, port: Int) -> [String] {
        self.check == .off ? [] : self.knownHosts.knownAlgorithms(host: host, port: port)
    }

    package func verify(_ key: HostKey, host: String, port: Int) throws(SSHError) {
        // Both are wanted when a key is not accepted, which is rare.
        var shown: String { "\(key.algorithm) \(key.fingerprint)" }
        var endpoint: Endpoint { Endpoint(host, port) }
        let judgement: KnownHosts.Judgement
        switch self.check {
        case .off: return
        case .strict: judgement = self.knownHosts.judge(key, host: host, port: port)
        case .acceptNew: judgement = self.acceptNew(key, host: host, port: port)
        }
        switch judgement {
        case .known:
            return
        case .unknown:
            throw SSHError(
                .hostKeyUnknown,
                "The host key of \(endpoint) is not known: \(shown). Compare it with the device's own, then add it to "
                    + "\(self.file), or let the policy accept_new learn it.")
        case .changed(let known):
            throw SSHError(
                .hostKeyChanged,
                "The host key of \(endpoint) has changed: it shows \(shown), known is "
                    + "\(known.prefix(4).map(\.description).joined(separator: ", ")) in \(self.file). Either the device has "
                    + "a new key or somebody is in between; after checking, remove the old key.")
        case .revoked:
            throw SSHError(
                .hostKeyChanged, "The host key of \(endpoint) is marked as revoked in \(self.file): \(shown).")
        }
    }

    private func acceptNew(_ key: HostKey, host: String, port: Int) -> KnownHosts.Judgement {
        let before = self.knownHosts.judge(key, host: host, port: port)
        guard before == .unknown else { return before }
        let (judgement, failure) = self.knownHosts.learn(key, host: host, port: port)
        guard judgement == .known else { return judgement }
        self.logger.info(
            "Host key learned",
            metadata: ["host": "\(Endpoint(host, port))", "key": "\(key.algorithm) \(key.fingerprint)"])
        if let failure { self.logger.warning("\(failure)") }
        self.learned?(key, host, port)
        return judgement
    }

    private var file: String { self.knownHosts.path ?? "the keys learned by this process" }
}
