/// What is known of one session, for people who look at a process.
package struct SessionStatus: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        /// For another session to end, at the bound of open sessions.
        case waiting
        case opening
        case idle
        case busy
        case closing
    }

    package var device: String
    package var state: State
    /// Of an open one.
    package var id: String?
    /// Since the connection was begun.
    package var age: Duration?
    /// Opened for one user alone, with a credential of its own.
    package var isTemporary: Bool
    /// Kept open.
    package var isWarm: Bool

    package init(
        device: String, state: State, id: String? = nil, age: Duration? = nil, isTemporary: Bool = false,
        isWarm: Bool = false
    ) {
        self.device = device
        self.state = state
        self.id = id
        self.age = age
        self.isTemporary = isTemporary
        self.isWarm = isWarm
    }
}

extension DeviceClient {
    /// All sessions, in no order. Takes a moment with thousands of them: not for hot paths.
    package var sessionStatus: [SessionStatus] { self.pool.sessionStatus }

    /// How many sessions there are of each state.
    package var sessionCounts: [SessionStatus.State: Int] { self.pool.sessionCounts }

    /// Sessions that may be open at most.
    package var sessionLimit: Int { self.pool.maximumSessions }

    /// Sets who is told of every attempt to open a session. Called from any thread; must not block.
    package func setLoginListener(_ listener: @escaping @Sendable (LoginReport) -> Void) {
        self.hooks.withLockedValue { $0.loginListener = listener }
    }
}

extension SessionPool {
    var sessionStatus: [SessionStatus] {
        self.state.withLockedValue { state in
            state.machine.entries.map { key, entry in
                var status = SessionStatus(device: entry.identity.device.name, state: entry.status)
                if case .open(let session) = entry.state {
                    status.id = session.id
                    status.age = session.began.duration(to: .now)
                }
                status.isTemporary = key != status.device
                status.isWarm = state.machine.warm.contains(key)
                return status
            }
        }
    }

    var sessionCounts: [SessionStatus.State: Int] {
        self.state.withLockedValue { state in
            state.machine.entries.values.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
        }
    }
}

extension PoolStateMachine.Entry {
    fileprivate var status: SessionStatus.State {
        switch self.state {
        case .waitingForRoom: .waiting
        case .opening: .opening
        case .open: self.uses > 0 ? .busy : .idle
        case .closing: .closing
        }
    }
}
