import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Keeps the sessions of a set of devices open: opens them, and opens them again when they are lost.
///
/// Safe to use from any task or thread.
final class WarmSessions: Sendable {
    /// Opens the device's session; why it could not be opened.
    typealias Open = @Sendable (String) async -> DeviceError?

    private struct Member {
        /// In a row.
        var failures = 0
        /// A timer or an opening is under way.
        var isPending = false
    }

    private struct State {
        var members: [String: Member] = [:]
        var open: Open?
        var isStopped = false
    }

    private let state = NIOLockedValueBox(State())
    private let timerLoop: any EventLoop
    private let logger: Logger
    private let backoff: Backoff

    init(
        timerLoop: any EventLoop, logger: Logger, backoff: Backoff = Backoff(base: .seconds(2), maximum: .seconds(120))
    ) {
        self.timerLoop = timerLoop
        self.logger = logger
        self.backoff = backoff
    }

    func start(_ open: @escaping Open) {
        self.state.withLockedValue { $0.open = open }
    }

    /// Nothing is opened any more.
    func stop() {
        self.state.withLockedValue { state in
            state.isStopped = true
            state.open = nil
            state.members = [:]
        }
    }

    /// - Returns: Who isn't a member any more.
    func set(_ devices: Set<String>) -> Set<String> {
        let removed = self.state.withLockedValue { state -> Set<String> in
            guard !state.isStopped else { return [] }
            let old = Set(state.members.keys)
            for name in old.subtracting(devices) { state.members[name] = nil }
            for name in devices.subtracting(old) { state.members[name] = Member() }
            return old.subtracting(devices)
        }
        for name in devices { self.schedule(name) }
        return removed
    }

    func heard(_ event: DeviceEvent) {
        switch event.kind {
        case .sessionOpened:
            self.state.withLockedValue { $0.members[event.device]?.failures = 0 }
        case .sessionLost, .sessionClosed(_, .requested), .sessionClosed(_, .age), .sessionClosed(_, .inventory):
            self.state.withLockedValue { state in
                guard state.members[event.device]?.failures == 0 else { return }
                state.members[event.device]?.failures = 1
            }
            self.schedule(event.device)
        // To make room: whoever opened it again would take the room of another.
        case .sessionClosed, .unreachable, .recovered, .hostKeyChanged, .credentialLocked: break
        }
    }

    private func schedule(_ name: String) {
        let failures = self.state.withLockedValue { state -> Int? in
            guard let member = state.members[name], !member.isPending else { return nil }
            state.members[name]?.isPending = true
            return member.failures
        }
        guard let failures else { return }
        let pause = failures == 0 ? Duration.zero : self.backoff.pause(after: failures)
        self.timerLoop.scheduleTask(in: TimeAmount(pause)) { [weak self] in
            guard let self else { return }
            Task { await self.open(name) }
        }
    }

    private func open(_ name: String) async {
        guard let open = self.state.withLockedValue({ $0.members[name] == nil ? nil : $0.open }) else { return }
        let error = await open(name)
        self.state.withLockedValue { state in
            state.members[name]?.isPending = false
            if error != nil { state.members[name]?.failures += 1 }
        }
        guard let error else { return }
        guard error.isRetriable else {
            self.logger.warning(
                "Warm session given up until somebody else opens it",
                metadata: ["device": "\(name)", "error": "\(error)"])
            return
        }
        self.schedule(name)
    }
}
