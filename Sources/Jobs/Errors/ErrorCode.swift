/// One of the stable codes that stand in results and dead letters, and what it promises.
///
/// Codes never change their meaning. `schemas/error.schema.json` holds the same table for readers in other languages.
package struct ErrorCode: Sendable, Hashable, CustomStringConvertible {
    /// Dotted, in lower case.
    package let code: String
    /// One sentence.
    package let meaning: String
    /// Whether a command of the task may have reached the device when this error ended it. `false` is a promise: nothing was sent.
    package let mayHaveReachedDevice: Bool
    /// Whether the same job may succeed when it is sent again, without anyone changing anything.
    package let isRetriable: Bool

    private init(_ code: String, _ meaning: String, reached: Bool = false, retriable: Bool = false) {
        self.code = code
        self.meaning = meaning
        self.mayHaveReachedDevice = reached
        self.isRetriable = retriable
    }

    package var description: String { self.code }

    /// The entry of a code; `nil` for a code that the table doesn't know.
    package init?(_ code: String) {
        guard let entry = Self.byCode[code] else { return nil }
        self = entry
    }

    private static let byCode = Dictionary(Self.all.map { ($0.code, $0) }) { first, _ in first }
}

// MARK: The record

extension ErrorCode {
    package static let jobUndecodable = ErrorCode(
        "job.undecodable", "The record is not a JSON object, or is too large or nested too deeply.")
    package static let jobInvalid = ErrorCode(
        "job.invalid", "A field of the job is missing, wrong or out of range; the message names it.")
    package static let jobUnsupported = ErrorCode(
        "job.unsupported", "The job asks for a version, an operation or a field that this worker doesn't support.")
    package static let jobTooLarge = ErrorCode(
        "job.too_large", "The job's tasks need more room than one job may take; it has to be split.")
    package static let replyTopicUnknown = ErrorCode(
        "reply.topic_unknown", "The topic for the replies doesn't exist.")
    package static let replyUndeliverable = ErrorCode(
        "reply.undeliverable", "A reply could not be written to its topic; it is kept among the dead letters.",
        reached: true)
    package static let targetUnknown = ErrorCode(
        "target.unknown", "The target names no device, group or tag of the inventory.")
    package static let targetRefused = ErrorCode(
        "target.refused", "Devices outside the inventory are not allowed here.")
    package static let policyDenied = ErrorCode(
        "policy.denied", "The policy of the topic doesn't allow this target, operation, command or reply topic.")
    package static let inventoryInvalid = ErrorCode(
        "inventory.invalid", "The inventory's entry for the device can't be used.")
    package static let platformUnknown = ErrorCode(
        "platform.unknown", "No definition has the platform's name.")
    package static let credentialMissing = ErrorCode(
        "credential.missing", "The worker's credential store has no entry of that name.")
    package static let credentialUnavailable = ErrorCode(
        "credential.unavailable", "The place that holds a secret doesn't give it; the message says which one, and why.",
        retriable: true)
    package static let credentialSealed = ErrorCode(
        "credential.sealed",
        "The sealed credential can't be used: unknown key, damaged, expired, or not for this device or job.")

    // MARK: The connection

    package static let connectUnresolved = ErrorCode(
        "connect.unresolved", "The host name has no address.", retriable: true)
    package static let connectRefused = ErrorCode(
        "connect.refused", "The host refused the TCP connection.", retriable: true)
    package static let connectTimeout = ErrorCode(
        "connect.timeout", "No TCP connection came about within the time limit.", retriable: true)
    package static let connectFailed = ErrorCode(
        "connect.failed", "The TCP connection failed in another way: no route, reset, or no file descriptor left.",
        retriable: true)
    package static let sshHandshake = ErrorCode(
        "ssh.handshake", "The peer is not an SSH 2 server, or broke off or fell silent during the key exchange.",
        retriable: true)
    package static let sshAlgorithms = ErrorCode(
        "ssh.algorithms",
        "The two sides have no algorithm of some class in common; the message names the class and the offers.")
    package static let sshChannel = ErrorCode(
        "ssh.channel", "The server refused a channel, a terminal, a shell or a command.", retriable: true)
    package static let hostKeyUnknown = ErrorCode(
        "hostkey.unknown", "The device's host key is not known, and the policy is strict.")
    package static let hostKeyChanged = ErrorCode(
        "hostkey.changed", "The device shows another host key than the known one.")
    package static let authFailed = ErrorCode(
        "auth.failed", "The device took none of the offered credentials; it is not tried again.")
    package static let authPasswordExpired = ErrorCode(
        "auth.password_expired", "The device asks for a new password before it lets the user in.")
    package static let authMissing = ErrorCode(
        "auth.missing", "No user name, or neither password nor key, is known for the device.")
    package static let authKey = ErrorCode(
        "auth.key", "A private key can't be read: no such file, unknown format or wrong passphrase.")
    package static let authTimeout = ErrorCode(
        "auth.timeout", "The device didn't finish authentication within the time limit.", retriable: true)
    package static let authLocked = ErrorCode(
        "auth.locked", "The credential was refused too often lately and is locked for a while.", retriable: true)

    // MARK: The session

    package static let devicePaused = ErrorCode(
        "device.paused", "The device failed several times in a row and is left alone for a while; nothing was sent.",
        retriable: true)
    package static let sessionLost = ErrorCode(
        "session.lost",
        "The connection broke or the device fell silent; the outcome says whether a command was under way.",
        reached: true, retriable: true)
    package static let sessionClosed = ErrorCode(
        "session.closed", "This side closed the session.", reached: true, retriable: true)
    package static let sessionLimit = ErrorCode(
        "session.limit", "All sessions that the worker may have open are in use.", retriable: true)
    package static let clientClosed = ErrorCode(
        "client.closed", "The client that owns the sessions was closed before.", retriable: true)
    package static let promptTimeout = ErrorCode(
        "prompt.timeout", "The device showed no prompt within the time limit.", reached: true, retriable: true)
    package static let privilegeDenied = ErrorCode(
        "privilege.denied", "The device refused the privilege level that the platform asks for.")
    package static let dialogueQuestion = ErrorCode(
        "dialogue.question", "The device asked a question that nobody had an answer for.", reached: true)
    package static let dialogueEcho = ErrorCode(
        "dialogue.echo", "The device came back to its prompt with neither the command's echo nor any output.",
        reached: true)
    package static let dialogueInterrupt = ErrorCode(
        "dialogue.interrupt", "The session could not be proven to be in step again after an interruption.",
        reached: true)
    package static let dialogueState = ErrorCode(
        "dialogue.state", "The conversation with the device was not in a state to take the command.", retriable: true)

    // MARK: The command

    package static let commandInvalid = ErrorCode(
        "command.invalid", "The command is empty, has several lines, or holds control characters.")
    package static let commandRejected = ErrorCode(
        "command.rejected", "The device answered the command with an error; the message holds its words.", reached: true
    )
    package static let commandExitStatus = ErrorCode(
        "command.exit_status", "The command ended with an exit status other than 0.", reached: true)
    package static let commandTimeout = ErrorCode(
        "command.timeout", "The command didn't finish within its time limit.", reached: true, retriable: true)
    package static let outputTooLarge = ErrorCode(
        "output.too_large", "The command printed more than the worker takes.", reached: true)

    package static let operationUnsupported = ErrorCode(
        "operation.unsupported", "The platform has no way to do what was asked; the message names what is missing.")
    package static let backupUnwritable = ErrorCode(
        "backup.unwritable", "The backup can't be written to its file.", reached: true)
    package static let diffBaseline = ErrorCode(
        "diff.baseline", "What the device was to be compared with can't be read.")

    package static let checkFailed = ErrorCode(
        "check.failed", "An assertion doesn't hold for what the device told; the message names it.", reached: true)

    // MARK: The file

    package static let artifactsDisabled = ErrorCode(
        "artifacts.disabled", "The worker has no artifact folder (`--artifacts`), so jobs can't name files.")
    package static let artifactsRefused = ErrorCode(
        "artifacts.refused",
        "The path is not a relative one without `..`, or leads through a symbolic link, or to something else than a plain file."
    )
    package static let artifactsFailed = ErrorCode(
        "artifacts.failed", "A file of the artifact folder can't be read or written; the message says why.",
        reached: true)
    package static let urlRefused = ErrorCode(
        "url.refused", "The address, or one that it redirects to, is not one that the worker takes.", reached: true)
    package static let urlFailed = ErrorCode(
        "url.failed", "The address can't be read or written; the message holds the server's status.", reached: true,
        retriable: true)
    package static let transferTooLarge = ErrorCode(
        "transfer.too_large", "The file is larger than the worker takes; the message names the limit.", reached: true)
    package static let transferRefused = ErrorCode(
        "transfer.refused", "The device offers no file transfer of the kind that was asked for.")
    package static let transferNoSuchFile = ErrorCode(
        "transfer.no_such_file", "The file, or the folder that it is to go to, doesn't exist.", reached: true)
    package static let transferDenied = ErrorCode(
        "transfer.denied", "The file or its folder may not be read or written.", reached: true)
    package static let transferNoSpace = ErrorCode(
        "transfer.no_space", "The receiving side has no room left for the file.", reached: true)
    package static let transferFailed = ErrorCode(
        "transfer.failed", "The file transfer failed in another way; the message holds the device's words.",
        reached: true, retriable: true)
    package static let transferIncomplete = ErrorCode(
        "transfer.incomplete", "Fewer or more bytes arrived than the file has.", reached: true, retriable: true)
    package static let transferTimeout = ErrorCode(
        "transfer.timeout", "The file transfer showed no progress for as long as it may.",
        reached: true, retriable: true)
    package static let transferMismatch = ErrorCode(
        "transfer.mismatch", "The file's SHA-256 is another one than the job says; the old file was left as it was.",
        reached: true)

    package static let transferCorrupt = ErrorCode(
        "transfer.corrupt", "The device's hash of the file differs from the local one.", reached: true,
        retriable: true)

    // MARK: The task

    package static let deadlineExceeded = ErrorCode(
        "deadline.exceeded", "The job's deadline passed; the outcome says whether a command was under way.",
        reached: true, retriable: true)
    package static let cancelled = ErrorCode(
        "cancelled", "The job was cancelled; the outcome says whether a command was under way.", reached: true)
    package static let workerCrashed = ErrorCode(
        "worker.crashed", "The worker died after it had begun a change; nobody can know whether it took effect.",
        reached: true)
    package static let workerStopping = ErrorCode(
        "worker.stopping", "The worker is shutting down or gave the device to another one.", reached: true,
        retriable: true)
    package static let `internal` = ErrorCode(
        "internal", "A mistake in the worker itself; its log says more.", reached: true, retriable: true)

    /// Every code, by subject.
    package static let all: [ErrorCode] = [
        jobUndecodable, jobInvalid, jobUnsupported, jobTooLarge, replyTopicUnknown, replyUndeliverable, targetUnknown,
        targetRefused, policyDenied, inventoryInvalid,
        platformUnknown,
        credentialMissing, credentialUnavailable, credentialSealed,
        connectUnresolved, connectRefused, connectTimeout, connectFailed, sshHandshake, sshAlgorithms, sshChannel,
        hostKeyUnknown,
        hostKeyChanged, authFailed, authPasswordExpired, authMissing, authKey, authTimeout, authLocked, devicePaused,
        sessionLost, sessionClosed, sessionLimit, clientClosed, promptTimeout, privilegeDenied, dialogueQuestion,
        dialogueEcho, dialogueInterrupt, dialogueState,
        commandInvalid, commandRejected, commandExitStatus, commandTimeout, outputTooLarge,
        operationUnsupported, backupUnwritable, diffBaseline, checkFailed,
        artifactsDisabled, artifactsRefused, artifactsFailed, urlRefused, urlFailed, transferTooLarge,
        transferRefused, transferNoSuchFile, transferDenied, transferNoSpace, transferFailed, transferIncomplete,
        transferTimeout, transferMismatch, transferCorrupt,
        deadlineExceeded, cancelled, workerCrashed, workerStopping, `internal`,
    ]
}

extension ErrorDescription {
    /// An error of the table, with its word on whether a retry can help.
    package init(_ code: ErrorCode, _ message: String) {
        self.init(code: code.code, message: message, retriable: code.isRetriable)
    }
}
