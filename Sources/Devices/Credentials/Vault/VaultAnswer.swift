import Foundation
import NIOCore
import SSH

/// One answer of Vault's HTTP interface.
struct VaultAnswer {
    let status: Int
    /// Empty if there is no JSON object.
    let object: [String: Any]

    init(status: Int, bytes: [UInt8]) {
        self.status = status
        self.object = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:]
    }

    /// The token that a login or a renewal gives.
    var token: VaultToken? {
        guard self.status == 200, let auth = self.object["auth"] as? [String: Any],
            let text = auth["client_token"] as? String, !text.isEmpty
        else { return nil }
        var token = VaultToken(text: Secret(text))
        token.setLease((auth["lease_duration"] as? NSNumber)?.intValue ?? 0, now: .now())
        token.isRenewable = auth["renewable"] as? Bool ?? false
        return token
    }

    /// - Throws: for every status but 200, in words of our own: Vault's might repeat what was asked.
    func document(_ location: SecretLocation) throws(SecretFailure) -> SecretDocument {
        let data = self.object["data"] as? [String: Any]
        switch self.status {
        case 200: break
        case 403: throw SecretFailure(location, "can't be read: Vault forbids it (403): check the token's policies")
        case 404 where (data?["metadata"] as? [String: Any]) != nil:
            throw SecretFailure(location, "can't be read: its latest version was deleted (404)")
        case 404:
            throw SecretFailure(
                location,
                "can't be read: nothing is there (404); in a KV engine of version 2 paths go `<mount>/data/<path>`")
        case 429: throw SecretFailure(location, "can't be read: Vault has too many requests (429)")
        case 503: throw SecretFailure(location, "can't be read: Vault is sealed or down for maintenance (503)")
        default: throw SecretFailure(location, "can't be read: Vault answered with status \(self.status)")
        }
        guard let data else { throw SecretFailure(location, "can't be read: Vault's answer has no data") }
        let lease = (self.object["lease_duration"] as? NSNumber)?.intValue ?? 0
        guard let metadata = data["metadata"] as? [String: Any], metadata["version"] != nil else {
            // Version 1 of KV, and engines whose passwords have a lease, or are to be rotated in `ttl` seconds.
            let seconds = [lease, (data["ttl"] as? NSNumber)?.intValue ?? 0].filter { $0 > 0 }.min()
            return SecretDocument(object: data, lifetime: seconds.map { .seconds($0) })
        }
        guard let fields = data["data"] as? [String: Any] else {
            throw SecretFailure(location, "can't be read: its latest version was deleted")
        }
        var lifetime: Duration? = lease > 0 ? .seconds(lease) : nil
        // A version may be made to vanish at a time (`delete_version_after`).
        if let text = metadata["deletion_time"] as? String, let time = Self.time(text) {
            lifetime = min(lifetime ?? .seconds(1_000_000_000), .seconds(max(0, time.timeIntervalSinceNow)))
        }
        return SecretDocument(object: fields, lifetime: lifetime)
    }

    /// RFC 3339 in UTC, its nanoseconds left out.
    private static func time(_ text: String) -> Date? {
        guard text.hasSuffix("Z"), text.count >= 20 else { return nil }
        return try? Date(String(text.prefix(19)) + "Z", strategy: .iso8601)
    }
}
