import CLibSSH2
import NIOCore

/// The channels of an open session.
extension SessionCore {
    /// Channels open or asked for at a time, and channels whose close the server owes an answer to.
    private static let maximumChannels = 256
    private static let maximumClosing = 64
    /// The receive window of a channel that is opened in reserve.
    private static let spareWindow = SessionChannel.Request.command("").window

    /// Puts a channel in line. It hears of everything through its callbacks, also of a refusal here.
    func enqueue(_ channel: SessionChannel) {
        guard case .open = self.phase else {
            channel.finish(.failed(self.closeReason ?? SSHError(.sessionClosed, "The connection has been closed.")))
            return
        }
        guard self.channels.count + self.waiting.count < Self.maximumChannels else {
            channel.finish(.failed(SSHError(.channelRefused, "There are \(Self.maximumChannels) channels already.")))
            return
        }
        guard self.closing.count < Self.maximumClosing else {
            channel.finish(
                .failed(
                    SSHError(
                        .channelRefused,
                        "\(Self.maximumClosing) commands that were given up have not ended on \(self.endpoint).")))
            return
        }
        self.waiting.append(channel)
        self.flushAtOnce()
        // A tunnel's owner has a timer of its own: it is part of a connection attempt.
        if !channel.request.isTunnel { self.boundStart(of: channel) }
        self.pump()
    }

    /// Gives up a channel whose program doesn't run in time.
    ///
    /// The bound is the same for all channels, so that they become due in the order in which they were put in line, and one timer serves them all. It
    /// isn't cancelled when a program runs: a timer for each command of thousands of sessions would cost more than the few that find nothing to do.
    private func boundStart(of channel: SessionChannel) {
        let deadline = self.eventLoop.now + TimeAmount(self.configuration.timeouts.channel)
        channel.mustStart(by: deadline)
        if self.channelTimer == nil { self.scheduleChannelTimer(deadline) }
    }

    private func scheduleChannelTimer(_ deadline: NIODeadline) {
        self.channelTimer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            for channel in self.starting where channel.startDeadline.map({ $0 <= deadline }) ?? false {
                channel.startTimedOut()
            }
            self.channelTimer = nil
            if let next = self.starting.compactMap(\.startDeadline).min() { self.scheduleChannelTimer(next) }
        }
    }

    /// All channels whose program may not run yet.
    private var starting: [SessionChannel] {
        self.waiting + [self.opening?.owner].compactMap { $0 } + self.channels
    }

    /// Whether channels may give libssh2 more to send.
    var takesOutput: Bool {
        guard let wire = self.session?.wire, wire.outbound.readableBytes < Self.maximumUnflushed else { return false }
        return self.transport?.isWritable ?? false
    }

    private static let maximumUnflushed = 256 * 1024

    /// Moves every channel as far as it goes with the input that has been released.
    func stepChannels() {
        var hasMoved = true
        while hasMoved, case .open = self.phase {
            if let channel = self.onlyRunningChannel {
                hasMoved = channel.advance()
                // It goes as far as it can in one go; only what its owner has begun meanwhile needs another.
                guard self.onlyRunningChannel != nil else { continue }
                if self.question == nil { return }
                break
            }
            hasMoved = self.stepOpening()
            for channel in self.channels where channel.advance() { hasMoved = true }
            if case .open = self.phase, self.stepClosing() { hasMoved = true }
        }
        if case .open = self.phase { self.stepQuestion() }
        if case .open = self.phase { self.pumpByParkedChannel() }
    }

    /// The usual case: there is nothing to do but to serve one shell or command.
    var onlyRunningChannel: SessionChannel? {
        guard self.channels.count == 1, self.waiting.isEmpty, self.closing.isEmpty, self.opening == nil else {
            return nil
        }
        let channel = self.channels[0]
        return channel.phase == .running ? channel : nil
    }

    /// Releases the end of the input (see ``heldBack``) to the only channel, which has read everything before it. `false` if there is none.
    func releaseRest(to channel: SessionChannel) -> Bool {
        guard let wire = self.session?.wire, wire.released == 0, wire.inbound.readableBytes > 0,
            self.onlyRunningChannel === channel
        else { return false }
        wire.released = wire.inbound.readableBytes
        return true
    }

    private func stepOpening() -> Bool {
        guard let session = self.session else { return false }
        if self.opening == nil {
            guard !self.waiting.isEmpty, !self.opensAfterClose || self.closing.isEmpty else { return false }
            self.opensAfterClose = false
            let next = self.waiting.removeFirst()
            // One with an unanswered question on it isn't given away: libssh2 takes the answer for the next request's.
            if case .fresh(let handle) = self.parked, !handle.isAtEnd, self.question !== handle,
                next.request.window == Self.spareWindow
            {
                self.parked = nil
                self.hasOpened(next, handle)
                return true
            }
            next.isBeingOpened()
            self.opening = .channel(next)
        }
        let result = session.openChannel(
            self.opening?.owner?.request, window: self.opening?.owner?.request.window ?? Self.spareWindow)
        if case .pending = result { return false }
        let opening = self.opening
        self.opening = nil
        switch (result, opening) {
        case (.pending, _):
            break
        case (.failed(let failure), _) where failure.endsSession:
            self.opening = opening
            self.shutDown(reason: self.sessionFailed(failure))
        case (.failed(let failure), .channel(let channel))
        where self.closedSinceOpening || !self.closing.isEmpty:
            // A server with a limit counts a channel until it has worked through its close, or its program has ended. This
            // answer may be due to one that is going: another try is a fair one, after the next close if one is owed.
            self.closedSinceOpening = false
            self.opensAfterClose = !self.closing.isEmpty
            channel.waitAgain(refusal: failure.message)
            self.waiting.insert(channel, at: 0)
        case (.failed(let failure), .channel(let channel)) where self.givesUpSpare():
            // The channel in reserve may be the one too many for this server.
            channel.waitAgain(refusal: failure.message)
            self.waiting.insert(channel, at: 0)
        case (.failed(let failure), .channel(let channel)):
            channel.finish(
                .failed(SSHError(.channelRefused, "\(self.endpoint) refused a channel: \(failure.message).")))
        case (.failed, _):
            break
        case (.ready(let handle), .channel(let channel)):
            self.closedSinceOpening = false
            self.hasOpened(channel, handle)
        case (.ready(let handle), .spare):
            self.freeParked()
            self.parked = .fresh(handle)
        case (.ready(let handle), _):
            self.closing.append(handle)
        }
        return true
    }

    /// Closes the channel that is open in reserve. `false` if there is none.
    private func givesUpSpare() -> Bool {
        guard case .fresh(let handle) = self.parked else { return false }
        if self.question === handle { self.question = nil }
        self.parked = nil
        self.closing.append(handle)
        self.opensAfterClose = true
        return true
    }

    private func hasOpened(_ channel: SessionChannel, _ handle: LibSSH2Channel) {
        self.freeParked()
        self.channels.append(channel)
        channel.opened(handle)
    }

    private func freeParked() {
        guard let handle = self.parked?.handle else { return }
        if self.question === handle { self.question = nil }
        _ = handle.free()
        self.parked = nil
    }

    /// Takes leave of a channel that has ended, in whatever phase it was.
    func retire(_ channel: SessionChannel, handle: LibSSH2Channel?) {
        self.waiting.removeAll { $0 === channel }
        if let owner = self.opening?.owner, owner === channel { self.opening = .abandoned }
        self.channels.removeAll { $0 === channel }
        if let handle, self.question === handle { self.question = nil }
        guard case .open = self.phase, let handle else { return }
        self.closing.append(handle)
        if case .command = channel.request { self.flushWithNextCommand() }
        self.pump()
    }

    private func stepClosing() -> Bool {
        guard !self.closing.isEmpty else { return false }
        let before = self.closing.count
        self.closing.removeAll { handle in
            if case .pending = handle.close() { return false }
            self.closedSinceOpening = true
            self.opensAfterClose = false
            if self.channels.isEmpty {
                self.freeParked()
                self.parked = .finished(handle)
            } else {
                _ = handle.free()
            }
            return true
        }
        return self.closing.count != before
    }

    /// Makes libssh2 take in packets when nothing else does.
    private func pumpByParkedChannel() {
        guard self.channels.isEmpty, self.opening == nil, let handle = self.parked?.handle else { return }
        // The size is that of all other reads: the library then has no reason to enlarge the window of a closed channel.
        let result = ReadBuffer.read(handle, stream: LibSSH2Channel.standardOutput)
        if case .failed(let failure) = result, failure.endsSession {
            self.shutDown(reason: self.sessionFailed(failure))
        }
    }
}
