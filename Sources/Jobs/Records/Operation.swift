/// What to do on each device. Schema: `schemas/operation.schema.json`.
package enum Operation: Sendable, Hashable {
    /// Commands, in order; the first that fails ends the task.
    case run([Command])
    /// Commands that the inventory has under a name, for each platform its own.
    case sequence(Sequence)
    /// Change the configuration.
    case configure(Configure)
    /// Send a file to the device.
    case upload(Upload)
    /// Fetch a file from the device.
    case download(Download)
    /// Fetch the configuration.
    case backup(Backup)
    /// Compare the configuration, or a command's output, with a text.
    case diff(Diff)
    /// See whether assertions over the output of commands hold.
    case check([Assertion])
    /// Open the session, or prove that the open one is alive.
    case probe
    /// Close the device's session.
    case close
    /// Operations, in order, on one session; the first that fails ends the task. Neither `close` nor `steps` is among them.
    case steps([Operation])

    package var type: String {
        switch self {
        case .run: "run"
        case .sequence: "sequence"
        case .configure: "configure"
        case .upload: "upload"
        case .download: "download"
        case .backup: "backup"
        case .diff: "diff"
        case .check: "check"
        case .probe: "probe"
        case .close: "close"
        case .steps: "steps"
        }
    }

    package struct Sequence: Sendable, Hashable {
        package var name: String
        /// What the name stands for on the task's device. The router writes it: what a job says here counts for nothing.
        package var commands: [Command]

        package init(_ name: String, commands: [Command] = []) {
            self.name = name
            self.commands = commands
        }
    }

    package struct Configure: Sendable, Hashable {
        package enum Commit: Sendable, Hashable {
            /// For good.
            case permanently
            /// Only tell what would change.
            case dryRun
            /// For a time, after which the device takes the change back by itself. With `confirms`, it is made permanent as soon as the device
            /// has answered after the commit.
            case within(Duration, confirms: Bool)
            /// Make permanent what was committed for a time. There are no lines then.
            case confirm
        }

        /// Whether the configuration is to outlive a restart, where that takes a command of its own.
        package enum Saving: String, Sendable, Hashable, CaseIterable {
            case never
            case onSuccess = "on_success"
        }

        package var lines: Lines
        package var commit: Commit
        package var saving: Saving
        /// For each line and each step of the platform's procedure.
        package var timeout: Duration?
        /// What to answer to questions that a line may put.
        package var answers: [Answer]

        /// As they were written.
        package enum Lines: Sendable, Hashable {
            case none
            case list([String])
            case text(String)
        }

        package init(
            _ lines: Lines, commit: Commit = .permanently, saving: Saving = .never, timeout: Duration? = nil,
            answers: [Answer] = []
        ) {
            self.lines = lines
            self.commit = commit
            self.saving = saving
            self.timeout = timeout
            self.answers = answers
        }
    }

    package struct Upload: Sendable, Hashable {
        package var source: Source
        package var remotePath: String
        /// Whether the device computes the file's hash afterwards, where it can.
        package var verifies: Bool

        package enum Source: Sendable, Hashable {
            case inline([UInt8])
            /// A file under the worker's artifact folder.
            case file(String, sha256: String?)
            /// Fetched with HTTP. The query may be a secret: it stands in no log and no error.
            case url(String, sha256: String)
        }

        package init(_ source: Source, remotePath: String, verifies: Bool = true) {
            self.source = source
            self.remotePath = remotePath
            self.verifies = verifies
        }
    }

    package struct Download: Sendable, Hashable {
        package var remoteFile: String
        package var destination: Destination
        package var verifies: Bool

        package init(_ remoteFile: String, to destination: Destination = .inline, verifies: Bool = true) {
            self.remoteFile = remoteFile
            self.destination = destination
            self.verifies = verifies
        }
    }

    /// Where bytes from a device go.
    package enum Destination: Sendable, Hashable {
        /// Into the replies.
        case inline
        /// A file under the worker's artifact folder. `{device}`, `{job}` and `{date}` in its name are replaced.
        case file(String)
        /// Written with HTTP PUT. The same replacements; the query may be a secret.
        case url(String)
    }

    package struct Backup: Sendable, Hashable {
        /// Never an address.
        package var destination: Destination

        package init(to destination: Destination = .inline) {
            self.destination = destination
        }
    }

    package struct Diff: Sendable, Hashable {
        package enum Baseline: Sendable, Hashable {
            case text(String)
            /// A file under the worker's artifact folder, such as an earlier backup.
            case file(String)
        }

        package var baseline: Baseline
        /// What to compare the output of; `nil`: the platform's backup commands.
        package var command: Command?
        /// Regular expressions of lines that don't count, besides the platform's.
        package var ignoring: [String]

        package init(against baseline: Baseline, of command: Command? = nil, ignoring: [String] = []) {
            self.baseline = baseline
            self.command = command
            self.ignoring = ignoring
        }
    }
}

/// One command of a `run`.
package struct Command: Sendable, Hashable {
    package var text: String
    /// `nil`: the platform's or configuration's default.
    package var timeout: Duration?
    /// The platform's mode to run it in; `nil`: whatever mode the device is in.
    package var mode: String?
    /// What to answer to questions that it may put.
    package var answers: [Answer]
    /// Regular expressions of output lines that make it a failure, besides the platform's.
    package var failurePatterns: [String]
    /// The device's hanging up is its success.
    package var endsSession: Bool

    package init(
        _ text: String, timeout: Duration? = nil, mode: String? = nil, answers: [Answer] = [],
        failurePatterns: [String] = [], endsSession: Bool = false
    ) {
        self.text = text
        self.timeout = timeout
        self.mode = mode
        self.answers = answers
        self.failurePatterns = failurePatterns
        self.endsSession = endsSession
    }

    /// Whether nothing but the text and the time limit is given.
    var isPlain: Bool { self.mode == nil && self.answers.isEmpty && self.failurePatterns.isEmpty && !self.endsSession }
}

/// What to answer to a question that a command may put.
package struct Answer: Sendable, Hashable {
    package enum Reply: Sendable, Hashable {
        /// No secret: it stands in the record.
        case text(String)
        /// A part of what the session was opened with. It stands nowhere.
        case credential(CredentialPart)
    }

    package enum CredentialPart: String, Sendable, Hashable, CaseIterable {
        /// The secret of the privileged mode.
        case enable
        /// The login's password.
        case login
    }

    /// A regular expression for the question's end.
    package var question: String
    package var reply: Reply
    /// Whether the return key follows.
    package var pressesReturn: Bool
    /// Whether the question may be answered more than once.
    package var repeats: Bool

    package init(_ reply: Reply, to question: String, pressesReturn: Bool = true, repeats: Bool = false) {
        self.question = question
        self.reply = reply
        self.pressesReturn = pressesReturn
        self.repeats = repeats
    }
}

/// Something that is to hold for a command's output.
package struct Assertion: Sendable, Hashable {
    package enum Condition: Sendable, Hashable {
        case contains(String)
        case doesNotContain(String)
        /// A regular expression.
        case matches(String)
        case doesNotMatch(String)
        case equals(String)
    }

    package var command: Command
    package var condition: Condition
    /// What it is about, for reports.
    package var name: String?

    package init(_ command: Command, _ condition: Condition, name: String? = nil) {
        self.command = command
        self.condition = condition
        self.name = name
    }
}
