import Dialogue
import NIOCore
import SSH

/// Everything that a session is opened and run with.
struct SessionPlan: Sendable {
    var device: Device
    var platform: PlatformDefinition
    var connection: SSHConfiguration
    /// Answers a question for a password inside the dialogue.
    var password: Secret?
    var enableSecret: Secret?
    /// Default time limit of a command.
    var commandTimeout: Duration
    /// From the opened shell to the first prompt, paging turned off.
    var signOnTimeout: Duration
    /// How long a device may take to come back to its prompt from a command that is interrupted, before the session is discarded.
    var interruptionTimeout: Duration
    /// Collected output of one command, in bytes.
    var outputLimit: Int
    /// Tells apart what the session was opened with, without holding it.
    var credential: CredentialDigest
    /// Other ways to authenticate as the same user, if the secrets have been replaced since: for another connection to the device.
    var replacedAuthentication: @Sendable () async -> [SSHAuthentication]? = { nil }
    /// Asked before each write of a command or an answer: false when this process may not talk to the device any more.
    var mayWrite: @Sendable () -> Bool = { true }
}

/// What a session tells its pool. Called on the session's event loop.
enum SessionEvent: Sendable {
    /// It has begun to work on commands.
    case busy
    /// It has nothing to do.
    case idle
    /// It takes no commands any more; why.
    case closing(DeviceSession, DeviceError)
    /// Its connection is gone.
    case closed
}
