/// What a result tells of an operation besides its commands' output; a member of the operation's name in JSON.
package enum OperationDetail: Sendable, Hashable {
    case configure(ConfigureDetail)
    case upload(TransferDetail)
    case download(TransferDetail)
    case backup(BackupDetail)
    case diff(DiffDetail)
    case check(CheckDetail)
    /// One entry for each step that was begun.
    case steps([StepOutcome])
}

package struct ConfigureDetail: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// All lines are in effect.
        case applied
        /// In effect until the device takes them back or they are confirmed.
        case unconfirmed
        /// None of them is in effect.
        case discarded
        /// Those before the one that failed are.
        case partlyApplied = "partly_applied"
        /// Nobody can know.
        case unknown
    }

    package var state: State
    /// How many lines the device took.
    package var lines: Int
    /// What the lines change, in the device's own words, where the platform can tell.
    package var diff: String?
    /// Position, from 0, and text of the line that the device refused.
    package var failedLine: FailedLine?
    /// Whether the configuration outlives a restart by a command of its own.
    package var isSaved: Bool

    package struct FailedLine: Sendable, Hashable {
        package var index: Int
        package var line: String

        package init(index: Int, line: String) {
            self.index = index
            self.line = line
        }
    }

    package init(
        state: State, lines: Int = 0, diff: String? = nil, failedLine: FailedLine? = nil, isSaved: Bool = false
    ) {
        self.state = state
        self.lines = lines
        self.diff = diff
        self.failedLine = failedLine
        self.isSaved = isSaved
    }
}

/// Proof of a file transfer.
package struct TransferDetail: Sendable, Hashable {
    /// On the device.
    package var remotePath: String
    /// Bytes.
    package var size: Int64
    package var sha256: String
    /// Whether the file's name led to either the old or the whole new file at all times.
    package var isAtomic: Bool
    package var verification: Verification
    /// Of a download: the file under the artifact folder that it was written to.
    package var file: String?
    /// Of a download: it was written to the address of the job.
    package var wasPut: Bool
    /// Of an inline download: the `command` of the `output` records that hold it.
    package var command: Int?

    package enum Verification: Sendable, Hashable {
        /// The device computed the file's hash, and it is that of the local bytes.
        case hash(algorithm: String, digits: String)
        /// Only the size was compared, and why.
        case size(reason: String)
    }

    package init(
        remotePath: String, size: Int64, sha256: String, isAtomic: Bool, verification: Verification,
        file: String? = nil, wasPut: Bool = false, command: Int? = nil
    ) {
        self.remotePath = remotePath
        self.size = size
        self.sha256 = sha256
        self.isAtomic = isAtomic
        self.verification = verification
        self.file = file
        self.wasPut = wasPut
        self.command = command
    }
}

package struct BackupDetail: Sendable, Hashable {
    package var platform: String
    /// Milliseconds since 1970.
    package var takenAt: Int64
    /// Of all parts, one after the other.
    package var size: Int64
    package var sha256: String
    /// Under the artifact folder; `nil`: the configuration is the commands' output.
    package var file: String?

    package init(platform: String, takenAt: Int64, size: Int64, sha256: String, file: String? = nil) {
        self.platform = platform
        self.takenAt = takenAt
        self.size = size
        self.sha256 = sha256
        self.file = file
    }
}

package struct DiffDetail: Sendable, Hashable {
    /// In the unified format, from the baseline to the device; cut where it is longer than a result takes.
    package var unified: String
    package var isCut: Bool
    /// Lines that only the baseline has, and that only the device has.
    package var removed: Int
    package var added: Int

    package init(unified: String, isCut: Bool = false, removed: Int, added: Int) {
        self.unified = unified
        self.isCut = isCut
        self.removed = removed
        self.added = added
    }
}

package struct CheckDetail: Sendable, Hashable {
    /// One for each assertion, in order.
    package var findings: [Finding]

    package struct Finding: Sendable, Hashable {
        package var name: String?
        package var command: String
        /// Why it doesn't hold; `nil` when it does.
        package var failure: String?

        package init(name: String? = nil, command: String, failure: String? = nil) {
            self.name = name
            self.command = command
            self.failure = failure
        }
    }

    package init(_ findings: [Finding]) {
        self.findings = findings
    }
}

/// What came of one of several steps.
package struct StepOutcome: Sendable, Hashable {
    /// Of its operation.
    package var type: String
    package var outcome: Outcome
    package var error: ErrorDescription?
    /// Its entries in the result's `commands`.
    package var firstCommand: Int
    package var commandCount: Int
    /// Never `steps`.
    package var detail: OperationDetail?

    package init(
        type: String, outcome: Outcome, error: ErrorDescription? = nil, firstCommand: Int = 0, commandCount: Int = 0,
        detail: OperationDetail? = nil
    ) {
        self.type = type
        self.outcome = outcome
        self.error = error
        self.firstCommand = firstCommand
        self.commandCount = commandCount
        self.detail = detail
    }
}
