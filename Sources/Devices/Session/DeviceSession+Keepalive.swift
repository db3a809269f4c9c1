import Dialogue
import Logging
import NIOCore

/// Keeping a device from hanging up on a session that nobody uses.
///
/// A device's own time-out (`exec-timeout` on IOS) counts what is typed into the terminal, and no keepalives of SSH. So an idle device is asked for
/// a new prompt from time to time, with a return key. To the pool such a session is still one that nobody uses.
extension DeviceSession {
    /// How long a device may take for its new prompt: as long as for a command, but a command may be waiting.
    private var keepaliveTimeout: Duration { min(self.plan.commandTimeout, .seconds(10)) }

    /// Begins with the first interval, where the device has one. By chance up to a tenth shorter than what was asked for: sessions that were
    /// opened together aren't to be busy together.
    func startKeepalive() {
        guard let interval = self.device.session.cliKeepalive, interval > .zero else { return }
        self.keepalive = KeepaliveSchedule(TimeAmount(interval * Double.random(in: 0.9...1)), from: .now())
        self.startKeepaliveTimer()
    }

    private func startKeepaliveTimer() {
        guard let deadline = self.keepalive?.deadline, self.closing == nil else { return }
        self.keepaliveTimer = self.eventLoop.scheduleTask(deadline: deadline) { [weak self] in
            self?.assumeIsolated { $0.keepaliveTimerFired() }
        }
    }

    private func keepaliveTimerFired() {
        let isDue = self.keepalive?.timerFired(now: .now(), isIdle: self.queue.isEmpty) ?? false
        self.startKeepaliveTimer()
        guard isDue else { return }
        let probe = self.probeCommand(self.keepaliveTimeout)
        Task {
            // A device that doesn't answer has lost its session by then, and the pool knows.
            _ = try? await self.submit(
                probe, .keepalive, CommandOptions(isGated: false), output: nil)
        }
    }

    func keepaliveTimedOut(_ timeout: Duration) {
        self.interrupt(
            code: "session.lost",
            message: "nobody used the session, and asked for a new prompt, the device gave none within \(timeout)")
    }
}
