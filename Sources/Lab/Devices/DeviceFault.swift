/// What is wrong with a device.
package enum DeviceFault: Sendable, Hashable {
    /// Nobody listens: connections are refused (TCP reset).
    case refuseConnections
    /// TCP connections are accepted, and nothing ever comes.
    case blackHole
    /// Login works; the shell opens and stays mute, also in sessions that are already open.
    case hangAfterLogin
    /// Each byte of output travels alone.
    case oneByteWrites
    /// Something else answers than an SSH 2 server: these bytes.
    case wrongBanner(String)
    /// Every login is refused, whatever the password.
    case denyLogins

    /// By the name used on the control port.
    package init?(name: String) {
        switch name {
        case "refuse": self = .refuseConnections
        case "black-hole": self = .blackHole
        case "hang": self = .hangAfterLogin
        case "one-byte": self = .oneByteWrites
        case "wrong-banner": self = .wrongBanner("SSH-1.5-Cisco-1.25\r\n")
        case "deny": self = .denyLogins
        default: return nil
        }
    }

    /// Names for ``init(name:)``; `none` clears the fault.
    package static let names = ["none", "refuse", "black-hole", "hang", "one-byte", "wrong-banner", "deny"]
}
