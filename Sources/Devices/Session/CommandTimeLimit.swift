import NIOCore

/// When the running command's time is over, with one timer for many commands: a timer that is under way when a command begins serves it too,
/// unless it would fire too late. Fired too early, it is started anew for what is left. A value; the session keeps the timer.
struct CommandTimeLimit {
    private var timeout: Duration = .zero
    /// Of the running command.
    private var deadline: NIODeadline?
    /// When the timer under way fires.
    private var timer: NIODeadline?

    init() {}

    /// A command begins.
    mutating func start(_ timeout: Duration, from now: NIODeadline) {
        self.timeout = timeout
        self.deadline = now + TimeAmount(timeout)
    }

    /// The command has ended.
    mutating func end() { self.deadline = nil }

    /// When a timer must fire that has to be started now, in place of the one under way; `nil` when none is needed.
    mutating func timerToStart() -> NIODeadline? {
        guard let deadline else { return nil }
        if let timer, timer <= deadline { return nil }
        self.timer = deadline
        return deadline
    }

    /// The timer has fired. Returns the running command's time limit if it is over.
    mutating func timerFired(now: NIODeadline) -> Duration? {
        self.timer = nil
        guard let deadline, deadline <= now else { return nil }
        return self.timeout
    }
}
