import NIOConcurrencyHelpers
import NIOCore

/// Performs what ``LoginStateMachine`` decides: lets logins through, holds them back, keeps the timer, tells the events.
///
/// Safe to use from any task or thread. The machine is behind one lock, which is never held while something is performed.
final class LoginGate: Sendable {
    private struct State {
        var machine: LoginStateMachine
        var waiters: [LoginStateMachine.Ticket: CheckedContinuation<LoginStateMachine.Refusal?, Never>] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let timerLoop: any EventLoop
    private let onEvent: @Sendable (DeviceEvent) -> Void

    init(
        policy: LoginPolicy,
        domains: [String: LoginPolicy.Domain],
        timerLoop: any EventLoop,
        onEvent: @escaping @Sendable (DeviceEvent) -> Void
    ) {
        self.state = NIOLockedValueBox(State(machine: LoginStateMachine(policy: policy, domains: domains)))
        self.timerLoop = timerLoop
        self.onEvent = onEvent
    }

    func setDomains(_ domains: [String: LoginPolicy.Domain]) {
        self.process { state, actions in state.machine.setDomains(domains, now: .now(), &actions) }
    }

    /// Runs `login` when its turn has come, and learns from how it ends.
    ///
    /// - Throws: `device.paused`, `auth.locked` without an attempt; `cancelled`; or what `login` throws.
    func pass<Result>(
        _ request: LoginRequest,
        _ login: () async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        let ticket = try await self.enter(request)
        do throws(DeviceError) {
            let result = try await login()
            self.ended(ticket, .succeeded)
            return result
        } catch {
            if error.code == "hostkey.changed" {
                self.onEvent(DeviceEvent(device: request.device, kind: .hostKeyChanged(message: error.message)))
            }
            self.ended(ticket, LoginOutcome(error))
            throw error
        }
    }

    private func enter(_ request: LoginRequest) async throws(DeviceError) -> LoginStateMachine.Ticket {
        let ticket = NIOLockedValueBox<LoginStateMachine.Ticket?>(nil)
        let refusal = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<LoginStateMachine.Refusal?, Never>) in
                let isCancelled = self.process { state, actions in
                    // Under the lock: a cancellation from here on finds the waiter registered.
                    guard !Task.isCancelled else { return true }
                    let number = state.machine.request(request, now: .now(), &actions)
                    ticket.withLockedValue { $0 = number }
                    state.waiters[number] = continuation
                    return false
                }
                if isCancelled { continuation.resume(returning: .cancelled) }
            }
        } onCancel: {
            self.process { state, actions in
                guard let number = ticket.withLockedValue({ $0 }) else { return }
                state.machine.cancel(number, now: .now(), &actions)
            }
        }
        if let refusal { throw Self.error(refusal, request) }
        // Set before the continuation was resumed.
        guard let number = ticket.withLockedValue({ $0 }) else { throw DeviceError.cancelled(request.device) }
        return number
    }

    private func ended(_ ticket: LoginStateMachine.Ticket, _ outcome: LoginOutcome) {
        self.process { state, actions in state.machine.ended(ticket, outcome, now: .now(), &actions) }
    }

    /// Lets the machine take an event under the lock, and performs its actions outside.
    @discardableResult
    private func process<Result>(_ event: (inout State, inout [LoginStateMachine.Action]) -> Result) -> Result {
        var actions: [LoginStateMachine.Action] = []
        var answers: [(CheckedContinuation<LoginStateMachine.Refusal?, Never>, LoginStateMachine.Refusal?)] = []
        let result = self.state.withLockedValue { state in
            let result = event(&state, &actions)
            for action in actions {
                switch action {
                case .admit(let ticket):
                    if let waiter = state.waiters.removeValue(forKey: ticket) { answers.append((waiter, nil)) }
                case .refuse(let ticket, let refusal):
                    if let waiter = state.waiters.removeValue(forKey: ticket) { answers.append((waiter, refusal)) }
                case .startTimer, .report: break
                }
            }
            return result
        }
        for (waiter, refusal) in answers { waiter.resume(returning: refusal) }
        for action in actions {
            switch action {
            case .startTimer(let deadline):
                self.timerLoop.scheduleTask(deadline: deadline) { [weak self] in
                    self?.process { state, actions in state.machine.timerFired(now: .now(), &actions) }
                }
            case .report(let event): self.onEvent(event)
            case .admit, .refuse: break
            }
        }
        return result
    }

    private static func error(_ refusal: LoginStateMachine.Refusal, _ request: LoginRequest) -> DeviceError {
        switch refusal {
        case .paused(let time, let code, let message):
            DeviceError(
                code: "device.paused",
                message:
                    "not tried for another \(seconds(time)) s, because the device failed several times in a row; the last time with \(code): \(message)"
            )
        case .locked(let time, let scope):
            DeviceError(
                code: "auth.locked",
                message:
                    "\(request.device): the credential of user \(quoted(request.user)) isn't tried for another \(seconds(time)) s, because it was "
                    + "refused several times in a row (\(scope)); another password or key is tried at once"
            )
        case .cancelled: DeviceError.cancelled(request.device)
        }
    }

    /// Rounded up.
    static func seconds(_ time: TimeAmount) -> Int64 {
        let (whole, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return whole + (rest > 0 ? 1 : 0)
    }
}
