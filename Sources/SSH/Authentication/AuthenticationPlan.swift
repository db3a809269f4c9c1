/// Decides what to try next while signing on (RFC 4252). Value type, no I/O.
///
/// The credentials are tried in the configured order, each at most once, and only by methods that the server offers. After a
/// rejection the server's list is asked again: it is shorter or different after a partial success (§5.1), which libssh2
/// reports like a failure.
struct AuthenticationPlan: Sendable {
    enum Action: Sendable {
        /// Ask for the methods that can continue, then call ``offered(_:)``.
        case askMethods
        case password(Secret)
        case keyboardInteractive(Secret)
        case publicKey(KeyText, passphrase: Secret?)
        case fail(SSHError)
    }

    private let username: String
    private var untried: [Credential]
    private var offer: [String] = []
    /// Methods that the server rejected, for the message.
    private var rejectedMethods: [String] = []
    private var keyError: SSHError?
    private var hasRejectedRSAKey = false

    init(username: String, credentials: [Credential]) {
        self.username = username
        self.untried = credentials
    }

    /// Whether the server has said no to any credential.
    var hasBeenRejected: Bool { !self.rejectedMethods.isEmpty }

    /// What to do first.
    mutating func start() -> Action {
        self.dropUnusable()
        return self.untried.isEmpty ? self.giveUp() : .askMethods
    }

    /// The server's list of methods has come.
    mutating func offered(_ methods: [String]) -> Action {
        self.offer = methods
        self.dropUnusable()
        for (index, credential) in self.untried.enumerated() {
            guard let action = self.action(for: credential) else { continue }
            self.untried.remove(at: index)
            return action
        }
        return self.giveUp()
    }

    /// The server said no, or not enough yet.
    mutating func rejected(_ method: String, isRSAKey: Bool = false) -> Action {
        self.rejectedMethods.append(method)
        if isRSAKey { self.hasRejectedRSAKey = true }
        self.dropUnusable()
        return self.untried.isEmpty ? self.giveUp() : .askMethods
    }

    /// The key could not be used; nothing was said about it to the server, so its list still holds.
    mutating func keyFailed(_ error: SSHError) -> Action {
        if self.keyError == nil { self.keyError = error }
        return self.offered(self.offer)
    }

    private func action(for credential: Credential) -> Action? {
        switch credential {
        case .password(let password):
            if self.offer.contains("password") { return .password(password) }
            if self.offer.contains("keyboard-interactive") { return .keyboardInteractive(password) }
            return nil
        case .key(let key, let passphrase):
            return self.offer.contains("publickey") ? .publicKey(key, passphrase: passphrase) : nil
        case .unusable:
            return nil
        }
    }

    private mutating func dropUnusable() {
        self.untried.removeAll { credential in
            guard case .unusable(let error) = credential else { return false }
            if self.keyError == nil { self.keyError = error }
            return true
        }
    }

    private func giveUp() -> Action {
        if self.rejectedMethods.isEmpty, let keyError = self.keyError { return .fail(keyError) }
        var message: String
        if self.rejectedMethods.isEmpty {
            message =
                "No configured credential fits: the server accepts \(Self.sentence(self.offer)) from user \(self.username)."
        } else {
            message = "The server rejected user \(self.username) (tried \(Self.sentence(self.rejectedMethods)))."
            if !self.offer.isEmpty { message += " It accepts \(Self.sentence(self.offer))." }
        }
        if self.hasRejectedRSAKey {
            message +=
                " The RSA key may have been refused because libssh2 \(LibSSH2Library.version) signs with SHA-1 only;"
                + " use an Ed25519 or ECDSA key."
        }
        if let keyError = self.keyError { message += " \(keyError.message)" }
        return .fail(SSHError(.authenticationFailed, message))
    }

    private static func sentence(_ names: [String]) -> String {
        names.isEmpty ? "no method" : names.joined(separator: ", ")
    }
}
