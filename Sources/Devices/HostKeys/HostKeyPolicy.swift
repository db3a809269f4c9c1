/// What to do about host keys: three real policies.
public enum HostKeyPolicy: String, Sendable, Hashable, CaseIterable {
    /// The key must be known.
    case strict
    /// An unknown key is learned; a changed one is refused.
    case acceptNew = "accept_new"
    /// Any key is accepted and none is learned. For laboratories only: it gives away passwords to whoever answers at the address.
    case off
}
