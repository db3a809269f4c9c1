/// A record of the topic of events: something worth knowing about a device's sessions, or about a worker's inventory. Schema:
/// `schemas/event.schema.json`. Key: the device, else the worker.
package struct Event: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// A session is open; `elapsed` since the login began.
        case sessionOpened(session: String, elapsed: Duration)
        /// The worker has begun to close a session.
        case sessionClosed(session: String, reason: String)
        /// A session broke, or was given up because the device didn't answer.
        case sessionLost(session: String, code: String, message: String)
        /// The device has failed so often in a row; for the time of `pause` nobody tries again.
        case deviceUnreachable(code: String, message: String, failures: Int, pause: Duration)
        /// The first session since.
        case deviceRecovered
        case hostKeyChanged(message: String)
        /// A user's credential was refused so often in a row that it isn't tried for the time of `pause`.
        case credentialLocked(user: String, scope: String, pause: Duration)
        /// The worker has read its inventory anew and uses it: how many devices there are, how many of them are new, gone or changed, and the first names,
        /// each behind `+`, `-` or `~`.
        case inventoryChanged(devices: Int, added: Int, removed: Int, changed: Int, names: [String])
        /// The worker has read its inventory anew and can't use it; the one before stays in use.
        case inventoryRefused(code: String, message: String)
    }

    /// `nil` where it is about the worker's inventory.
    package var device: String?
    /// Name of the worker that tells it.
    package var worker: String
    /// Milliseconds since 1970.
    package var time: Int64
    package var kind: Kind

    package init(device: String?, worker: String, time: Int64, kind: Kind) {
        self.device = device
        self.worker = worker
        self.time = time
        self.kind = kind
    }

    /// What the record's key is.
    package var key: String { self.device ?? self.worker }

    package var type: String {
        switch self.kind {
        case .sessionOpened: "session.opened"
        case .sessionClosed: "session.closed"
        case .sessionLost: "session.lost"
        case .deviceUnreachable: "device.unreachable"
        case .deviceRecovered: "device.recovered"
        case .hostKeyChanged: "hostkey.changed"
        case .credentialLocked: "credential.locked"
        case .inventoryChanged: "inventory.changed"
        case .inventoryRefused: "inventory.refused"
        }
    }
}
