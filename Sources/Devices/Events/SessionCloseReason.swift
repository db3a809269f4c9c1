/// Why a session was closed by this side.
public enum SessionCloseReason: String, Sendable, Hashable {
    /// Somebody asked for it.
    case requested
    /// Nobody used it for the idle time-out.
    case idle
    /// It had reached its maximum age.
    case age
    /// At the bound of open sessions, it was the one unused for longest.
    case room
    /// The next user comes with another address or another credential.
    case replaced
    /// The inventory has changed, and the device with it.
    case inventory
    /// The client shuts down.
    case shutDown = "shut_down"
}
