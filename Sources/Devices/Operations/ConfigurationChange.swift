/// A change of a device's configuration: lines, and how they are to take effect.
public struct ConfigurationChange: Sendable, Hashable {
    /// How the lines take effect, on platforms that have a candidate configuration. On the others each line takes effect when it is typed.
    public enum Commit: Sendable, Hashable {
        /// For good.
        case permanently
        /// For a time, after which the device takes them back by itself. With `confirms`, they are made permanent as soon as the device has
        /// proven, after the commit, that it still answers; without, that is left to ``DeviceSession/confirmConfiguration(timeout:)``.
        case within(Duration, confirms: Bool = true)
        /// Not at all: only look at what would change. Refused where lines take effect at once.
        case dryRun
    }

    /// Whether the new configuration is to outlive a restart, where that takes a command of its own.
    public enum Saving: Sendable, Hashable { case never, onSuccess }

    /// One command each. A text of several lines, such as a banner, is several lines here too, from the one that begins it (`banner motd ^`) to the one
    /// that ends it. Blank lines count in such a text only.
    public var lines: [String]
    public var commit: Commit
    public var saving: Saving
    /// For each line and each step of the platform's procedure; `nil`: the inventory's `general.timeout`.
    public var timeout: Duration?
    /// What to answer to questions that a line may put.
    public var answers: [DeviceCommand.Answer]

    public init(
        _ lines: [String],
        commit: Commit = .permanently,
        saving: Saving = .never,
        timeout: Duration? = nil,
        answers: [DeviceCommand.Answer] = []
    ) {
        self.lines = lines
        self.commit = commit
        self.saving = saving
        self.timeout = timeout
        self.answers = answers
    }

    /// The lines of a text, without blanks at the end of a line.
    public init(
        text: String,
        commit: Commit = .permanently,
        saving: Saving = .never,
        timeout: Duration? = nil,
        answers: [DeviceCommand.Answer] = []
    ) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
            String(line.reversed().drop(while: \.isWhitespace).reversed())
        }
        self.init(lines, commit: commit, saving: saving, timeout: timeout, answers: answers)
    }
}

/// What came of a change of configuration.
public struct ConfigurationResult: Sendable {
    public enum State: Sendable, Hashable {
        /// All lines are in effect.
        case applied
        /// All lines are in effect, until the device takes them back or ``DeviceSession/confirmConfiguration(timeout:)``.
        case unconfirmed
        /// None of them is: thrown away before the commit, or refused by it.
        case discarded
        /// Lines take effect at once here, and those before the one that failed are in effect: `lines` tells which.
        case partlyApplied
        /// Nobody can know: the session was lost or stopped answering in the middle.
        case unknown
    }

    public var state: State
    /// The answers to the lines that were sent, in order. A line and the text of several lines that belongs to it are one command here.
    public var lines: [CommandResult]
    /// What the lines change, in the device's own words, where the platform can tell before the commit.
    public var diff: String?
    /// Why it failed: the device's words. `nil` when all went well.
    public var failure: String?
    /// What ended it, where that was not the device's refusal.
    public var error: DeviceError?
    /// Whether the platform's command for it has made the configuration outlive a restart.
    public var isSaved: Bool

    public var succeeded: Bool { self.failure == nil && self.error == nil }
}
