/// Who wants to log in where.
struct LoginRequest: Sendable {
    var device: String
    /// The device's `auth_domain`, if it has one.
    var domain: String?
    var user: String
    /// What is logged in with: a credential that has been replaced is another one, and not locked.
    var credential: CredentialDigest
}

/// How an admitted login ended.
enum LoginOutcome: Sendable {
    case succeeded
    /// The credential was refused.
    case refused
    /// The device could not be reached, or didn't get as far as a prompt.
    case unreachable(code: String, message: String)
    /// It ended for a reason that says nothing about device or credential (the caller left; a mistake in the inventory).
    case withdrawn

    init(_ error: DeviceError) {
        self =
            switch error.code {
            case "auth.failed": .refused
            case "connect.unresolved", "connect.refused", "connect.timeout", "connect.failed", "ssh.handshake",
                "ssh.channel",
                "auth.timeout", "session.lost", "prompt.timeout":
                .unreachable(code: error.code, message: error.message)
            default: .withdrawn
            }
    }
}
