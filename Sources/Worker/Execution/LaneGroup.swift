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
        var waiting: Deque<AssignedTask> = []
        var running: Running?
        /// The session is to be closed when nothing runs.
        var isToClose = false

        /// Interactive tasks come before the bulk ones; within its class each keeps its place in the log.
        mutating func insert(_ new: AssignedTask) {
            guard new.task.priority == .interactive,
                let index = self.waiting.firstIndex(where: { $0.task.priority == .bulk })
            else { return self.waiting.append(new) }
            self.waiting.insert(new, at: index)
        }
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
    private var expiries = ExpiryQueue()
    private var expiryTimer: (deadline: ContinuousClock.Instant, scheduled: Scheduled<Void>)?
    /// Waiters for the end of some tasks.
    private var quiet: [(tasks: Selection, done: CheckedContinuation<Void, Never>)] = []

    /// Which tasks are meant.
    private typealias Selection = @Sendable (AssignedTask) -> Bool

    init(eventLoop: any EventLoop, services: Services) {
        self.eventLoop = eventLoop
        self.services = services
        self.executor = EventLoopTaskExecutor(eventLoop)
    }

    func enqueue(_ tasks: [AssignedTask]) {
        for assigned in tasks {
            let device = assigned.task.device
            self.expiries.insert(assigned)
            self.lanes[device, default: Lane()].insert(assigned)
            self.startNext(on: device)
        }
        self.watchExpiries()
    }

    /// A task that ran is the device's next one again.
    func putBack(_ assigned: AssignedTask) {
        self.lanes[assigned.task.device, default: Lane()].waiting.prepend(assigned)
        self.startNext(on: assigned.task.device)
    }

    /// Gives up tasks of these partitions: those that wait are dropped, those that run may go on until `deadline` and are then interrupted.
    /// Returns when none runs.
    func release(_ partitions: Set<TopicPartition>, until deadline: ContinuousClock.Instant) async {
        self.dropWaiting(of: partitions)
        await self.drain({ partitions.contains($0.partition) }, until: deadline)
    }

    /// Closes the sessions of devices: of those with a running task when that has ended, or is interrupted at `deadline`. Returns when they are closed. What
    /// waits keeps its place.
    func giveUp(_ devices: Set<String>, until deadline: ContinuousClock.Instant) async {
        let running = Set(devices.compactMap { self.lanes[$0]?.running?.assigned.identity })
        for device in devices { self.close(device) }
        await self.drain({ running.contains($0.identity) }, until: deadline)
    }

    /// Lets running tasks end, until `deadline`, when they are interrupted. Returns when all have ended.
    private func drain(_ tasks: @escaping Selection, until deadline: ContinuousClock.Instant) async {
        guard self.isRunning(tasks) else { return }
        let interruption = self.eventLoop.scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: deadline))) {
            self.assumeIsolated { $0.interrupt(tasks, .revoked) }
        }
        await withCheckedContinuation { self.quiet.append((tasks, $0)) }
        interruption.cancel()
    }

    /// These partitions are another worker's already: stop at once.
    func abandon(_ partitions: Set<TopicPartition>) {
        self.dropWaiting(of: partitions)
        self.interrupt({ partitions.contains($0.partition) }, .lost)
    }

    /// Ends the job's tasks: those that wait at once, those that run as soon as they notice.
    func cancel(_ cancellation: Control.Cancellation) {
        for device in Array(self.lanes.keys) where cancellation.covers(device) {
            guard var lane = self.lanes[device] else { continue }
            let ended = lane.waiting.filter { $0.task.job == cancellation.job }
            if !ended.isEmpty {
                lane.waiting.removeAll { $0.task.job == cancellation.job }
                self.lanes[device] = lane.waiting.isEmpty && lane.running == nil ? nil : lane
                self.noteEnded(ended.count)
            }
            for assigned in ended {
                Task { await self.services.end(assigned, .cancelledBeforeStart(assigned)) }
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
        guard let assigned = lane.waiting.popFirst() else {
            self.lanes[device] = nil
            return
        }
        let flag = InterruptionFlag()
        let work = Task(executorPreference: self.executor) {
            assigned.trace?.record("wait for the device", from: assigned.taken)
            let end = await self.services.run(assigned) { flag.value }
            await self.services.end(assigned, end)
            await self.ended(on: device)
        }
        lane.running = Running(assigned: assigned, work: work, interruption: flag)
        self.lanes[device] = lane
    }

    private func finished(on device: String) {
        self.lanes[device]?.running = nil
        self.noteEnded()
        self.startNext(on: device)
        self.quiet.removeAll { waiter in
            guard !self.isRunning(waiter.tasks) else { return false }
            waiter.done.resume()
            return true
        }
    }

    /// Sees to it that the timer fires at the next deadline or before.
    private func watchExpiries() {
        guard let next = self.expiries.next else { return }
        if let timer = self.expiryTimer {
            guard next < timer.deadline else { return }
            timer.scheduled.cancel()
        }
        let scheduled = self.eventLoop.scheduleTask(in: TimeAmount(ContinuousClock.now.duration(to: next))) {
            self.assumeIsolated { $0.expiryTimerFired() }
        }
        self.expiryTimer = (next, scheduled)
    }

    private func expiryTimerFired() {
        self.expiryTimer = nil
        let now = ContinuousClock.now
        while let due = self.expiries.popDue(at: now) { self.expire(due) }
        self.watchExpiries()
    }

    private func noteEnded(_ count: Int = 1) {
        guard self.expiries.noteEnded(count) else { return }
        var living: Set<AssignedTask.Identity> = []
        for lane in self.lanes.values {
            for assigned in lane.waiting { living.insert(assigned.identity) }
            if let running = lane.running { living.insert(running.assigned.identity) }
        }
        self.expiries.keep(living)
    }

    private func expire(_ due: ExpiryQueue.Entry) {
        guard var lane = self.lanes[due.device] else { return }
        if let running = lane.running, running.assigned.identity == due.task {
            running.interrupt(.expired)
            return
        }
        guard let index = lane.waiting.firstIndex(where: { $0.identity == due.task }) else { return }
        let assigned = lane.waiting.remove(at: index)
        self.lanes[due.device] = lane
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
            let before = lane.waiting.count
            lane.waiting.removeAll { partitions.contains($0.partition) }
            self.lanes[device] = lane.waiting.isEmpty && lane.running == nil ? nil : lane
            self.noteEnded(before - lane.waiting.count)
        }
    }

    private func interrupt(_ tasks: Selection, _ reason: Interruption) {
        for lane in self.lanes.values {
            guard let running = lane.running, tasks(running.assigned) else { continue }
            running.interrupt(reason)
        }
    }

    private func isRunning(_ tasks: Selection) -> Bool {
        self.lanes.values.contains { lane in lane.running.map { tasks($0.assigned) } ?? false }
    }
}

extension LaneGroup.Running {
    fileprivate func interrupt(_ reason: Interruption) {
        self.interruption.set(reason)
        self.work.cancel()
    }
}
