import DequeModule
import Devices
import Jobs
import Kafka
import NIOCore
import NIOPosix

/// The lanes of all devices whose sessions live on one event loop.
///
/// A lane is a device's queue: its tasks run one at a time, in the order of the log, and a device that is slow holds up only itself.
///
/// Isolation: an actor on the event loop of its devices' sessions, so that a task crosses threads on its way in and its results on their way out, and
/// nowhere between.
actor LaneGroup {
    /// What the lanes need of their executor.
    struct Services: Sendable {
        var run: @Sendable (AssignedTask, _ interruption: @escaping @Sendable () -> Interruption?) async -> TaskEnd
        /// Takes what came of a task; waits while there is no room to publish it.
        var end: @Sendable (AssignedTask, TaskEnd) async -> Void
        /// Closes a device's session.
        var close: @Sendable (_ device: String) async -> Void
    }

    private struct Lane {
        var waiting: Deque<Waiting> = []
        var running: Running?
        /// The session is to be closed when nothing runs.
        var isToClose = false

        /// Interactive tasks come before the bulk ones; within its class each keeps its place in the log.
        mutating func insert(_ new: Waiting) {
            guard new.assigned.task.priority == .interactive,
                let index = self.waiting.firstIndex(where: { $0.assigned.task.priority == .bulk })
            else { return self.waiting.append(new) }
            self.waiting.insert(new, at: index)
        }
    }

    private struct Waiting {
        var assigned: AssignedTask
        var expiry: Scheduled<Void>
    }

    fileprivate struct Running {
        var assigned: AssignedTask
        var work: Task<Void, Never>
        var interruption: InterruptionFlag
        let since = ContinuousClock.now
    }

    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    private let services: Services
    private let executor: EventLoopTaskExecutor
    private var lanes: [String: Lane] = [:]
    /// Waiters for the end of everything that runs of some partitions.
    private var quiet: [(partitions: Set<TopicPartition>, done: CheckedContinuation<Void, Never>)] = []

    init(eventLoop: any EventLoop, services: Services) {
        self.eventLoop = eventLoop
        self.services = services
        self.executor = EventLoopTaskExecutor(eventLoop)
    }

    func enqueue(_ tasks: [AssignedTask]) {
        for assigned in tasks {
            let device = assigned.task.device
            let left = ContinuousClock.now.duration(to: assigned.deadline)
            let expiry = self.eventLoop.scheduleTask(in: TimeAmount(left)) {
                self.assumeIsolated { $0.expire(assigned) }
            }
            self.lanes[device, default: Lane()].insert(Waiting(assigned: assigned, expiry: expiry))
            self.startNext(on: device)
        }
    }

    /// Gives up tasks of these partitions: those that wait are dropped, those that run may go on until `deadline` and are then interrupted.
    /// Returns when none runs.
    func release(_ partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant) async {
        self.dropWaiting(of: partitions)
        guard self.isRunning(partitions) else { return }
        let interruption = self.eventLoop.scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: deadline))) {
            self.assumeIsolated { $0.interrupt(partitions, .revoked) }
        }
        await withCheckedContinuation { self.quiet.append((partitions, $0)) }
        interruption.cancel()
    }

    /// These partitions are another worker's already: stop at once.
    func abandon(_ partitions: Set<TopicPartition>) {
        self.dropWaiting(of: partitions)
        self.interrupt(partitions, .lost)
    }

    /// Ends the job's tasks: those that wait at once, those that run as soon as they notice.
    func cancel(_ cancellation: Control.Cancellation) {
        for device in Array(self.lanes.keys) where cancellation.covers(device) {
            guard var lane = self.lanes[device] else { continue }
            let ended = lane.waiting.filter { $0.assigned.task.job == cancellation.job }
            if !ended.isEmpty {
                lane.waiting.removeAll { $0.assigned.task.job == cancellation.job }
                self.lanes[device] = lane.waiting.isEmpty && lane.running == nil ? nil : lane
            }
            for waiting in ended {
                waiting.expiry.cancel()
                let end = TaskEnd.cancelledBeforeStart(waiting.assigned)
                Task { await self.services.end(waiting.assigned, end) }
            }
            if let running = lane.running, running.assigned.task.job == cancellation.job {
                running.interrupt(.cancelled)
            }
        }
    }

    /// The lanes as they are, in no order.
    func status() -> [LaneStatus] {
        let now = ContinuousClock.now
        return self.lanes.map { device, lane in
            LaneStatus(
                device: device,
                waiting: lane.waiting.count,
                running: lane.running.map {
                    LaneStatus.Running(
                        job: $0.assigned.task.job, operation: $0.assigned.task.operation.type, age: now - $0.since,
                        left: $0.assigned.deadline - now)
                }
            )
        }
    }

    /// Closes a device's session, after the task that runs on it now.
    func close(_ device: String) {
        if self.lanes[device]?.running != nil {
            self.lanes[device]?.isToClose = true
        } else {
            Task { await self.services.close(device) }
        }
    }

    private func ended(on device: String) async {
        if self.lanes[device]?.isToClose == true {
            self.lanes[device]?.isToClose = false
            await self.services.close(device)
        }
        self.finished(on: device)
    }

    private func startNext(on device: String) {
        guard var lane = self.lanes[device], lane.running == nil else { return }
        guard let next = lane.waiting.popFirst() else {
            self.lanes[device] = nil
            return
        }
        let assigned = next.assigned
        let flag = InterruptionFlag()
        let work = Task(executorPreference: self.executor) {
            assigned.trace?.record("wait for the device", from: assigned.taken)
            let end = await self.services.run(assigned) { flag.value }
            await self.services.end(assigned, end)
            next.expiry.cancel()
            await self.ended(on: device)
        }
        lane.running = Running(assigned: assigned, work: work, interruption: flag)
        self.lanes[device] = lane
    }

    private func finished(on device: String) {
        self.lanes[device]?.running = nil
        self.startNext(on: device)
        self.quiet.removeAll { waiter in
            guard !self.isRunning(waiter.partitions) else { return false }
            waiter.done.resume()
            return true
        }
    }

    private func expire(_ assigned: AssignedTask) {
        let device = assigned.task.device
        guard var lane = self.lanes[device] else { return }
        if let running = lane.running, running.assigned.isSame(as: assigned) {
            running.interrupt(.expired)
            return
        }
        guard let index = lane.waiting.firstIndex(where: { $0.assigned.isSame(as: assigned) }) else { return }
        lane.waiting.remove(at: index)
        self.lanes[device] = lane
        let run = TaskRun(assigned: assigned, inlineLimit: 0)
        let reason = ErrorDescription(
            code: "deadline.exceeded",
            message: "the deadline passed while the task waited for the device; nothing was sent",
            retriable: true
        )
        let result = run.result(.expired, error: reason)
        Task { await self.services.end(assigned, .result(result)) }
    }

    private func dropWaiting(of partitions: Set<TopicPartition>) {
        for device in Array(self.lanes.keys) {
            guard var lane = self.lanes[device], !lane.waiting.isEmpty else { continue }
            lane.waiting.removeAll { waiting in
                guard partitions.contains(waiting.assigned.partition) else { return false }
                waiting.expiry.cancel()
                return true
            }
            self.lanes[device] = lane.waiting.isEmpty && lane.running == nil ? nil : lane
        }
    }

    private func interrupt(_ partitions: Set<TopicPartition>, _ reason: Interruption) {
        for lane in self.lanes.values {
            guard let running = lane.running, partitions.contains(running.assigned.partition) else { continue }
            running.interrupt(reason)
        }
    }

    private func isRunning(_ partitions: Set<TopicPartition>) -> Bool {
        self.lanes.values.contains { lane in lane.running.map { partitions.contains($0.assigned.partition) } ?? false }
    }
}

extension LaneGroup.Running {
    fileprivate func interrupt(_ reason: Interruption) {
        self.interruption.set(reason)
        self.work.cancel()
    }
}

extension AssignedTask {
    func isSame(as other: AssignedTask) -> Bool {
        self.offset == other.offset && self.partition == other.partition && self.grant == other.grant
    }
}
