/// Something worth knowing about a device's sessions. Holds no secret.
///
/// Delivered to ``DeviceClient/Configuration/onEvent``, for one device in the order in which it happened.
public struct DeviceEvent: Sendable, Hashable {
    /// Name of the device.
    public var device: String
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
        /// A session is open. `elapsed`: from the first attempt to reach the device to its first prompt.
        case sessionOpened(session: String, elapsed: Duration)
        /// This side has begun to close a session.
        case sessionClosed(session: String, reason: SessionCloseReason)
        /// A session broke, or was given up because the device didn't answer.
        case sessionLost(session: String, code: String, message: String)
        /// The device has failed `failures` times in a row; for the time of `pause` nobody tries again.
        case unreachable(code: String, message: String, failures: Int, pause: Duration)
        /// The first session since `unreachable`.
        case recovered
        /// The device shows another host key than the known one: it was replaced, or somebody stands in between.
        case hostKeyChanged(message: String)
        /// A user's credential was refused so often in a row that it isn't tried any more for the time of `pause`.
        case credentialLocked(user: String, scope: String, pause: Duration)
    }

    public init(device: String, kind: Kind) {
        self.device = device
        self.kind = kind
    }

    /// A stable name of the kind: `session.opened`, `session.closed`, `session.lost`, `device.unreachable`, `device.recovered`,
    /// `hostkey.changed`, `credential.locked`.
    public var name: String {
        switch self.kind {
        case .sessionOpened: "session.opened"
        case .sessionClosed: "session.closed"
        case .sessionLost: "session.lost"
        case .unreachable: "device.unreachable"
        case .recovered: "device.recovered"
        case .hostKeyChanged: "hostkey.changed"
        case .credentialLocked: "credential.locked"
        }
    }
}
