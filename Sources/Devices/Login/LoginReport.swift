/// How one attempt to open a session went. Holds no secret.
package struct LoginReport: Sendable {
    package var device: String
    /// How long it was held back by the bounds on logins.
    package var waited: Duration
    /// From the first packet to the end of authentication; `nil` when it didn't come to that.
    package var handshake: Duration?
    /// From the first packet to the first prompt, or to the failure; `nil` when nothing was tried.
    package var elapsed: Duration?
    /// Why there is no session.
    package var error: DeviceError?
}
