import NIOCore
import SSH

/// What requests to Vault carry, and for how long it is good.
struct VaultToken: Sendable {
    var text: Secret
    /// How long it was good for when it was given or renewed last; zero: for ever, or nobody knows.
    private(set) var lease = TimeAmount.zero
    private(set) var expires: NIODeadline?
    var isRenewable = false

    init(text: Secret) {
        self.text = text
    }

    mutating func setLease(_ seconds: Int, now: NIODeadline) {
        // Longer than anybody's process lives; the sum must not overflow.
        self.lease = .seconds(Int64(min(max(seconds, 0), 1_000_000_000)))
        self.expires = self.lease == .zero ? nil : now + self.lease
    }

    func hasExpired(_ now: NIODeadline) -> Bool { self.expires.map { now >= $0 } ?? false }

    /// Two thirds of its time are over.
    func wantsRenewal(_ now: NIODeadline) -> Bool {
        self.expires.map { now >= $0 - .nanoseconds(self.lease.nanoseconds / 3) } ?? false
    }

    /// `nil`: never.
    func timeToRenewal(_ now: NIODeadline) -> TimeAmount? {
        guard self.isRenewable, let expires else { return nil }
        return max(expires - .nanoseconds(self.lease.nanoseconds / 3) - now, .milliseconds(500))
    }
}
