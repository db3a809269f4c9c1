/// What a session is opened for. Two are the same if a session for one serves the other: all of it, but the secrets of the device's own entry. A session stays
/// its user's when the password is replaced.
///
/// An object, as it is large, and the pool and everybody who waits for the session hold it.
final class SessionTarget: Sendable, Equatable {
    let device: Device
    /// Takes precedence over what inventory and environment say.
    let override: Credential?

    init(device: Device, override: Credential? = nil) {
        self.device = device
        self.override = override
    }

    static func == (left: SessionTarget, right: SessionTarget) -> Bool {
        guard left.override == right.override else { return false }
        // Nearly always: the comparison stands before each command.
        if left.device == right.device { return true }
        return left.device.isSame(as: right.device)
            && left.device.credential.account == right.device.credential.account
    }
}

extension Device {
    /// Whether all is the same but what it takes to log in.
    func isSame(as other: Device) -> Bool {
        var (left, right) = (self, other)
        left.credential = Credential()
        right.credential = Credential()
        return left == right
    }
}
