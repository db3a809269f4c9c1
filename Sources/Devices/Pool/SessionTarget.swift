/// What a session is opened for: two sessions are the same only if all of it is.
struct SessionTarget: Sendable, Hashable {
    var device: Device
    /// Takes precedence over what inventory and environment say.
    var override: Credential?
}
