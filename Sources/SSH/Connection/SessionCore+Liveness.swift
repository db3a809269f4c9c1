import NIOCore

/// Keeps the connection alive, and finds out that the peer isn't.
///
/// TCP alone doesn't tell: the kernel of a machine whose SSH server hangs still acknowledges, and so does a firewall that answers for
/// it. The question is a request that every server must answer, if only by refusing it, on a channel (RFC 4254 §5.4). A global
/// request such as OpenSSH's keepalive@openssh.com would do without a channel, but libssh2 keeps every answer to those for ever.
extension SessionCore {
    /// Begins to watch an open session.
    func startWatch() {
        guard let interval = self.configuration.keepaliveInterval, interval > .zero else { return }
        self.liveness = Liveness(interval: interval, silence: self.configuration.timeouts.silence)
        self.scheduleWatch()
    }

    /// Ends of periods lie on a grid, the same for all connections: a loop with thousands of them wakes once for all that are due, not once for each, and
    /// their answers come together too. The grid is fine enough that no turn is long, and early rather than late, so that the bound holds.
    private func scheduleWatch() {
        guard case .open = self.phase, var period = self.liveness?.period else { return }
        if !self.hasReleasedMemory { period = min(period, Self.timeToRelease) }
        let grid = max(1, UInt64(TimeAmount(period).nanoseconds) / 128)
        let due = (NIODeadline.now() + TimeAmount(period)).uptimeNanoseconds / grid * grid
        self.watchTimer = self.eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(due)) {
            if self.hasReleasedMemory { self.watch() } else { self.releaseMemory() }
            self.scheduleWatch()
        }
    }

    /// A session that is still there after this time is one that lasts.
    private static let timeToRelease = Duration.seconds(1)

    private func releaseMemory() {
        self.hasReleasedMemory = true
        if !self.isLent { self.session?.releaseUntouchedPages() }
        // The first period begins here: it must not end later for what was heard before.
        self.hasHeard = false
    }

    private func watch() {
        let hasHeard = self.hasHeard || self.isHeldUp
        self.hasHeard = false
        switch self.liveness?.periodEnded(hasHeard: hasHeard) {
        case nil, .nothing:
            break
        case .ask:
            self.askForSignOfLife()
        case .giveUp:
            let bound = self.configuration.timeouts.silence
            self.shutDown(reason: self.lost("\(self.endpoint) has given no sign of life for \(bound.brief)."))
        }
    }

    private func askForSignOfLife() {
        guard case .open = self.phase, self.takesOutput else { return }
        if self.question == nil {
            if let handle = self.channels.lazy.compactMap(\.runningHandle).first {
                self.question = handle
            } else if case .fresh(let handle) = self.parked {
                self.question = handle
            } else if self.channels.isEmpty, self.waiting.isEmpty, self.closing.isEmpty, self.opening == nil {
                // The answer to an opening is a sign of life too, and the channel serves the next time. Besides, libssh2 can't
                // answer the server's own questions without any channel.
                self.opening = .spare
            }
        }
        self.pump()
    }

    /// Goes on with the question that has been put.
    func stepQuestion() {
        guard let handle = self.question else { return }
        switch handle.askForAnswer() {
        case .pending:
            return
        case .failed(let failure) where failure.endsSession:
            self.question = nil
            self.shutDown(reason: self.sessionFailed(failure))
        case .ready, .failed:
            self.question = nil
        }
    }
}
