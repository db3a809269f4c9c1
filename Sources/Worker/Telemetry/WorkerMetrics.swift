import Devices
import Jobs
import Metrics

/// The counters and histograms that a worker feeds while it works, each made once: nothing is looked up by name where tasks pass.
///
/// What can be read from a worker's state (what waits, what runs, what is open) isn't here: it is read when somebody asks. Safe to use from any thread.
final class WorkerMetrics: Sendable {
    // Routing.
    let acceptedJobs: Counter
    let duplicateJobs: Counter
    let refusedJobs: Counter
    let routedTasks: Counter

    // Replies.
    let acceptedReplies: Counter
    let rejectedReplies: Counter
    let outputReplies: Counter
    let resultReplies: Counter
    let finishedReplies: Counter
    let failedReplies: Counter
    let deadLetters: Counter

    // Tasks.
    private let endedTasks: [[Counter]]
    let forwardedTasks: Counter
    let retries: Counter
    private let queued: Timer
    private let waited: Timer
    private let executed: Timer
    private let commands: [Timer]

    // Sessions.
    private let logins: [Counter]
    private let loginDuration: Timer
    private let handshakeDuration: Timer
    private let loginWaited: Timer
    private let events: [String: Counter]
    private let changedInventories: Counter
    private let refusedInventories: Counter

    // Kafka.
    let commitDuration: Timer
    let failedCommits: Counter
    let drainDuration: Timer
    private let rebalances: [WorkerConfiguration.Role: [Rebalance: Counter]]
    private let kafkaErrors: [WorkerConfiguration.Role: Counter]

    enum Rebalance: String, CaseIterable, Sendable {
        case assigned, revoked, lost
    }

    init(_ factory: any MetricsFactory) {
        func counter(_ name: String, _ labels: (String, String)...) -> Counter {
            Counter(label: name, dimensions: labels, factory: factory)
        }
        func timer(_ name: String, _ labels: (String, String)...) -> Timer {
            Timer(label: name, dimensions: labels, factory: factory)
        }
        self.acceptedJobs = counter("tether_jobs_routed_total", ("result", "accepted"))
        self.duplicateJobs = counter("tether_jobs_routed_total", ("result", "duplicate"))
        self.refusedJobs = counter("tether_jobs_routed_total", ("result", "refused"))
        self.routedTasks = counter("tether_tasks_routed_total")

        self.acceptedReplies = counter("tether_replies_published_total", ("type", "accepted"))
        self.rejectedReplies = counter("tether_replies_published_total", ("type", "rejected"))
        self.outputReplies = counter("tether_replies_published_total", ("type", "output"))
        self.resultReplies = counter("tether_replies_published_total", ("type", "result"))
        self.finishedReplies = counter("tether_replies_published_total", ("type", "finished"))
        self.failedReplies = counter("tether_replies_failed_total")
        self.deadLetters = counter("tether_dead_letters_total")

        self.endedTasks = Operation.typeNames.map { operation in
            Outcome.allCases.map { outcome in
                counter("tether_tasks_ended_total", ("operation", operation), ("outcome", outcome.rawValue))
            }
        }
        self.forwardedTasks = counter("tether_tasks_forwarded_total")
        self.retries = counter("tether_task_retries_total")
        self.queued = timer("tether_task_queued_seconds")
        self.waited = timer("tether_task_waited_seconds")
        self.executed = timer("tether_task_executed_seconds")
        self.commands = [Outcome.succeeded, .failed, .unknown].map {
            timer("tether_command_duration_seconds", ("outcome", $0.rawValue))
        }

        self.logins = LoginClass.allCases.map { counter("tether_logins_total", ("outcome", $0.rawValue)) }
        self.loginDuration = timer("tether_login_duration_seconds")
        self.handshakeDuration = timer("tether_ssh_handshake_duration_seconds")
        self.loginWaited = timer("tether_login_waited_seconds")
        self.events = Dictionary(
            uniqueKeysWithValues: DeviceEvent.names.map { ($0, counter("tether_device_events_total", ("event", $0))) })

        self.changedInventories = counter("tether_inventory_reads_total", ("result", "changed"))
        self.refusedInventories = counter("tether_inventory_reads_total", ("result", "refused"))

        self.commitDuration = timer("tether_commit_duration_seconds")
        self.failedCommits = counter("tether_commit_failures_total")
        self.drainDuration = timer("tether_drain_duration_seconds")
        self.rebalances = Dictionary(
            uniqueKeysWithValues: WorkerConfiguration.Role.allCases.map { role in
                let counters = Rebalance.allCases.map { kind in
                    (kind, counter("tether_rebalances_total", ("role", role.rawValue), ("kind", kind.rawValue)))
                }
                return (role, Dictionary(uniqueKeysWithValues: counters))
            })
        self.kafkaErrors = Dictionary(
            uniqueKeysWithValues: WorkerConfiguration.Role.allCases.map {
                ($0, counter("tether_kafka_errors_total", ("role", $0.rawValue)))
            })
    }

    // MARK: Taking note

    func ended(_ result: DeviceResult, of operation: Operation) {
        self.endedTasks[operation.typeIndex][result.outcome.index].increment()
        if result.attempts > 1 { self.retries.increment(by: result.attempts - 1) }
        self.queued.record(duration: result.timing.queued)
        self.waited.record(duration: result.timing.waited)
        self.executed.record(duration: result.timing.executed)
    }

    func command(_ outcome: Outcome, _ elapsed: Duration) {
        let index =
            switch outcome {
            case .succeeded: 0
            case .unknown: 2
            case .failed, .cancelled, .expired, .rejected: 1
            }
        self.commands[index].record(duration: elapsed)
    }

    func loggedIn(_ report: LoginReport) {
        self.logins[LoginClass(report.error?.code).index].increment()
        if report.elapsed != nil || report.error?.code == "device.paused" {
            self.loginWaited.record(duration: report.waited)
        }
        guard report.error == nil else { return }
        if let elapsed = report.elapsed { self.loginDuration.record(duration: elapsed) }
        if let handshake = report.handshake { self.handshakeDuration.record(duration: handshake) }
    }

    func inventoryRead(_ news: InventoryNews) {
        switch news {
        case .changed: self.changedInventories.increment()
        case .refused: self.refusedInventories.increment()
        }
    }

    func happened(_ event: DeviceEvent) { self.events[event.name]?.increment() }

    func rebalanced(_ role: WorkerConfiguration.Role, _ kind: Rebalance) { self.rebalances[role]?[kind]?.increment() }

    func kafkaFailed(_ role: WorkerConfiguration.Role) { self.kafkaErrors[role]?.increment() }
}

/// What kind of ending an attempt to log in had.
enum LoginClass: String, CaseIterable, Sendable {
    case succeeded, auth, hostKey = "host_key", unreachable, handshake, dialogue, paused, locked, cancelled, other

    init(_ code: String?) {
        switch code {
        case nil: self = .succeeded
        case "auth.locked": self = .locked
        case "device.paused": self = .paused
        case "cancelled", "session.closed": self = .cancelled
        case .some(let code):
            switch code.prefix(while: { $0 != "." }) {
            case "auth": self = .auth
            case "hostkey": self = .hostKey
            case "connect": self = .unreachable
            case "ssh": self = .handshake
            case "prompt", "dialogue", "privilege", "session": self = .dialogue
            default: self = .other
            }
        }
    }

    fileprivate var index: Int {
        switch self {
        case .succeeded: 0
        case .auth: 1
        case .hostKey: 2
        case .unreachable: 3
        case .handshake: 4
        case .dialogue: 5
        case .paused: 6
        case .locked: 7
        case .cancelled: 8
        case .other: 9
        }
    }
}

extension Outcome {
    /// Position among all cases.
    fileprivate var index: Int {
        switch self {
        case .succeeded: 0
        case .failed: 1
        case .unknown: 2
        case .cancelled: 3
        case .expired: 4
        case .rejected: 5
        }
    }
}

extension Jobs.Operation {
    /// Names of all types, in the order of ``typeIndex``.
    static let typeNames = [
        "run", "sequence", "configure", "upload", "download", "backup", "diff", "check", "probe", "close", "steps",
    ]

    var typeIndex: Int {
        switch self {
        case .run: 0
        case .sequence: 1
        case .configure: 2
        case .upload: 3
        case .download: 4
        case .backup: 5
        case .diff: 6
        case .check: 7
        case .probe: 8
        case .close: 9
        case .steps: 10
        }
    }
}

extension DeviceEvent {
    /// Names of all kinds.
    static let names = [
        "session.opened", "session.closed", "session.lost", "device.unreachable", "device.recovered", "hostkey.changed",
        "credential.locked",
    ]
}
