import Foundation
import SSH

/// The inventory's section `vault`: where HashiCorp Vault (or OpenBao, which has the same interface) is, and how this process proves who it is.
struct VaultConfiguration: Sendable, Hashable {
    enum Authentication: Sendable, Hashable {
        case token(SecretSource)
        /// https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle
        case appRole(roleID: SecretSource, secretID: SecretSource?, mount: String)
    }

    /// Without a path: `https://vault.example.net:8200`.
    var address: String
    var namespace: String?
    /// Certificates to trust, in PEM, instead of the system's.
    var certificateFile: String?
    var authentication: Authentication
    /// For each request.
    var timeLimit: Duration = .seconds(5)
    /// For how long a secret is used that comes without a lease.
    var timeToLive: Duration?

    /// What is wrong with an address; `nil`: nothing. The token travels with each request, so it does so encrypted, except to this machine itself,
    /// where Vault's own agent and proxy listen.
    static func problem(withAddress address: String) -> String? {
        guard let components = URLComponents(string: address), let host = components.host, !host.isEmpty,
            let scheme = components.scheme, ["http", "https"].contains(scheme)
        else { return "must be an address such as `https://vault.example.net:8200`" }
        guard components.user == nil, components.password == nil else {
            return "must not hold a user or a password: give a token or an AppRole in `auth`"
        }
        guard components.path.isEmpty || components.path == "/", components.query == nil, components.fragment == nil
        else { return "must be scheme, host and port, without a path" }
        guard scheme == "https" || ["127.0.0.1", "::1", "[::1]", "localhost"].contains(host) else {
            return "must begin with `https://`: over `http://` everybody on the way could read the token"
        }
        return nil
    }

    /// What is wrong with a path; `nil`: nothing.
    static func problem(withPath path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !path.isEmpty, !path.hasControlCharacters, !parts.contains(""), !parts.contains("."),
            !parts.contains("..")
        else { return "must be a path such as `secret/data/network/core`" }
        guard parts[0] != "v1" else { return "must be written without `v1/`" }
        return nil
    }
}
