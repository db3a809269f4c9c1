import NIOCore

/// When an idle session's device is due to be asked for a new prompt, with one timer for many commands: a command only notes the time, and a timer
/// that fires too early is started anew for what is left. A value; the session keeps the timer.
struct KeepaliveSchedule {
    private let interval: TimeAmount
    private var lastUse: NIODeadline

    /// - Parameter interval: More than zero.
    init(_ interval: TimeAmount, from now: NIODeadline) {
        self.interval = interval
        self.lastUse = now
    }

    /// When the timer is to fire.
    var deadline: NIODeadline { self.lastUse + self.interval }

    /// The device has been asked for something, or has answered.
    mutating func used(at now: NIODeadline) { self.lastUse = now }

    /// The timer has fired. Returns whether the device is to be asked now; either way the timer is started anew for `deadline`.
    ///
    /// - Parameter isIdle: Whether there is nothing else to do.
    mutating func timerFired(now: NIODeadline, isIdle: Bool) -> Bool {
        if isIdle, now < self.deadline { return false }
        self.lastUse = now
        return isIdle
    }
}
