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
        case keyboardInteractive(InteractiveAnswers)
        /// With an RSA key, the name of the signature algorithm; `nil`: the key's own.
        case publicKey(PreparedKey, signature: String?)
        case agentKey(AgentKey, signature: String?)
        case fail(SSHError)
    }

    /// A credential, and for an RSA key one of the ways to sign with it.
    private struct Attempt {
        let credential: Credential
        var signature: String?
        /// Whether this is another way to sign with the key of the attempt before.
        var repeatsKey = false
    }

    private let username: String
    private let credentials: [Credential]
    private var untried: [Attempt] = []
    private var offer: [String] = []
    /// Methods that the server rejected, for the message.
    private var rejectedMethods: [String] = []
    /// Credentials that the server has been shown, or is being shown.
    private(set) var attempts = 0
    private var keyError: SSHError?
    private var hasRejectedRSAKey = false

    init(username: String, credentials: [Credential]) {
        self.username = username
        self.credentials = credentials
    }

    /// Whether the server has said no to any credential.
    var hasBeenRejected: Bool { !self.rejectedMethods.isEmpty }

    /// What to do first.
    ///
    /// - Parameter server: the server's identification string, which decides how RSA keys sign.
    mutating func start(server: String) -> Action {
        for credential in self.credentials {
            if credential.signsRSA {
                for (index, signature) in RSASignatures.order(server: server).enumerated() {
                    self.untried.append(
                        Attempt(credential: credential, signature: signature.label, repeatsKey: index > 0))
                }
            } else {
                self.untried.append(Attempt(credential: credential))
            }
        }
        self.dropUnusable()
        return self.untried.isEmpty ? self.giveUp() : .askMethods
    }

    /// The server's list of methods has come.
    mutating func offered(_ methods: [String]) -> Action {
        self.offer = methods
        self.dropUnusable()
        for (index, attempt) in self.untried.enumerated() {
            guard let action = self.action(for: attempt) else { continue }
            self.untried.remove(at: index)
            self.attempts += 1
            return action
        }
        return self.giveUp()
    }

    /// The server said no, or not enough yet.
    mutating func rejected(_ method: String, isRSAKey: Bool = false) -> Action {
        self.rejectedMethods.append(method)
        if isRSAKey { self.hasRejectedRSAKey = true }
        self.dropUnusable()
        // The same key signed in another way: no need to ask again, and asking counts as a failure with some servers.
        if isRSAKey, let next = self.untried.first, next.repeatsKey { return self.offered(self.offer) }
        return self.untried.isEmpty ? self.giveUp() : .askMethods
    }

    /// The key could not be used; nothing was said about it to the server, so its list still holds.
    mutating func keyFailed(_ error: SSHError) -> Action {
        if self.keyError == nil { self.keyError = error }
        self.attempts -= 1
        return self.offered(self.offer)
    }

    /// The server wants a new password. Nothing else is tried: what is left may be the same password by another method.
    func passwordExpired() -> SSHError {
        SSHError(
            .passwordExpired,
            "The password of user \(self.username) has expired: the server asks for a new one. Change it on the device or in its "
                + "directory, then in the credential.")
    }

    private func action(for attempt: Attempt) -> Action? {
        switch attempt.credential {
        case .password(let password):
            if self.offer.contains("password") { return .password(password) }
            guard self.offer.contains("keyboard-interactive") else { return nil }
            return .keyboardInteractive(InteractiveAnswers(username: self.username, password: password))
        case .answers(let answers):
            guard self.offer.contains("keyboard-interactive") else { return nil }
            return .keyboardInteractive(InteractiveAnswers(username: self.username, prepared: answers))
        case .key(let key):
            return self.offer.contains("publickey") ? .publicKey(key, signature: attempt.signature) : nil
        case .agent(let key):
            return self.offer.contains("publickey") ? .agentKey(key, signature: attempt.signature) : nil
        case .unusable:
            return nil
        }
    }

    private mutating func dropUnusable() {
        self.untried.removeAll { attempt in
            guard case .unusable(let error) = attempt.credential else { return false }
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
        if self.hasRejectedRSAKey, !SigningKey.isAvailable, LibSSH2Library.version.hasPrefix("1.10.") {
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
