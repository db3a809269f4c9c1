import Devices
import Jobs
import Kafka
import Logging

/// Which devices are this worker's: those whose home, the murmur2 partition of their name on the task topic, is assigned to it.
extension Executor {
    /// `nil` while the number of partitions is unknown.
    func home(of device: String, among partitions: Int32?) -> Int32? {
        partitions.map { Murmur2.partition(of: Array(device.utf8), count: $0) }
    }

    /// Where a task's device belongs, if that isn't where the task comes from.
    func newHome(of assigned: AssignedTask) -> Int32? {
        let count = self.state.withLockedValue { $0.taskPartitions }
        guard let home = self.home(of: assigned.task.device, among: count), home != assigned.partition.partition else {
            return nil
        }
        return home
    }

    /// Puts a task where its device belongs. The new owner opens a session of its own, so this one's must be gone before.
    func forward(_ assigned: AssignedTask, to home: Int32) async {
        let device = assigned.task.device
        let partition = TopicPartition(assigned.partition.topic, home)
        if self.state.withLockedValue({ $0.partitions[partition] == nil }) { await self.client.close(device) }
        var value = assigned.stray?.value ?? []
        if value.isEmpty { assigned.task.encode(into: &value) }
        let record = ProducerRecord(
            topic: partition.topic,
            partition: home,
            key: Array(device.utf8),
            value: value,
            headers: assigned.stray?.headers ?? []
        )
        await self.publish(record, settling: Settlement(assigned), via: self.forwarding?.outbox)
    }

    /// Keeps open the sessions of exactly those `warm` devices that are this worker's beyond doubt: their partition's first commit is acknowledged, and it isn't
    /// being given up.
    ///
    /// - Returns: devices that are not to be kept open any more. Their sessions are the caller's to close.
    @discardableResult
    func keepWarm() -> Set<String> {
        self.warm.withLockedValue { warm in
            let (count, owned) = self.state.withLockedValue { state in
                let owned = state.partitions.filter { _, partition in
                    partition.isOpened && !partition.isDraining && !partition.isHeld
                }
                return (state.taskPartitions, owned.map(\.key))
            }
            var devices: [Int32: Set<String>] = [:]
            for partition in owned { devices[partition.partition] = [] }
            if !owned.isEmpty {
                for name in self.client.warmDeviceNames {
                    guard let home = self.home(of: name, among: count) else { break }
                    devices[home]?.insert(name)
                }
            }
            let wanted = devices.values.reduce(into: Set<String>()) { $0.formUnion($1) }
            guard wanted != warm else { return [] }
            self.state.withLockedValue { state in
                for partition in owned {
                    state.partitions[partition]?.devices.formUnion(devices[partition.partition] ?? [])
                }
            }
            self.client.keepWarm(wanted)
            defer { warm = wanted }
            return warm.subtracting(wanted)
        }
    }

    /// Notices partitions that are added to the task topic, also those that the group doesn't notice, and devices that become warm with another
    /// inventory. Runs until cancelled.
    func watchHomes(of consumer: KafkaConsumer) async {
        var unserved = Unserved()
        // Not all workers at once: one is enough.
        let patience = self.configuration.sessionTimeout + .milliseconds(Int64.random(in: 0...5_000))
        while !Task.isCancelled {
            try? await Task.sleep(for: self.configuration.homeCheckInterval)
            let topic = self.configuration.topics.tasks
            guard
                let count = try? await Blocking.run({ [producer] in
                    try producer.partitionCount(of: topic, isFresh: true)
                })
            else { continue }
            let old = self.state.withLockedValue { state in
                state.taskPartitions = max(state.taskPartitions ?? 0, count)
                return state.settledPartitions ?? 0
            }
            self.keepWarm()
            if unserved.note(await self.hasUnserved(count, consumer), patience: patience, at: .now) {
                self.logger.notice(
                    "the group doesn't serve all partitions of the task topic; it is asked to look again",
                    metadata: ["partitions": "\(count)"])
                do {
                    try await Guest.visit(consumer.groupID, of: self.configuration, logger: self.logger)
                } catch {
                    self.logger.warning("the group could not be asked", metadata: ["error": "\(error)"])
                }
            }
            guard old < count else { continue }
            let moved = self.takeMoved()
            if old > 0 {
                self.logger.notice(
                    "partitions were added to the task topic; devices move",
                    metadata: ["partitions": "\(count)", "before": "\(old)", "moved": "\(moved.count)"])
            }
            // What runs may end; what waits is forwarded when its turn comes.
            await self.giveUp(Set(moved), until: .now + self.configuration.drainTimeout)
            self.state.withLockedValue { $0.settledPartitions = count }
            self.committer.commitSoon()
        }
    }

    /// Closes the sessions of devices that are another worker's from now on; of those that run something when that has ended, or is interrupted at `deadline`.
    private func giveUp(_ devices: Set<String>, until deadline: ContinuousClock.Instant) async {
        await withTaskGroup { tasks in
            for group in self.lanes.groups {
                let own = devices.filter { self.client.eventLoop(for: $0) === group.eventLoop }
                if !own.isEmpty { tasks.addTask { await group.giveUp(own, until: deadline) } }
            }
        }
        // Also those that never had a lane here: kept warm.
        await Self.close(devices, self.client)
    }

    /// Begins with the partitions of a grant as soon as nobody else can have sessions with their devices any more.
    func takeOver(_ grant: Int, _ consumer: KafkaConsumer) async {
        let configuration = self.configuration
        let handover = Handover(
            // An owner that doesn't answer now is a member no more after its session time-out, or it is one, sees the new partitions, and drains.
            until: .now + configuration.sessionTimeout + configuration.homeCheckInterval * 2
                + configuration.drainTimeout)
        var isTold = false
        while !Task.isCancelled {
            let (held, count) = self.state.withLockedValue { state in
                (
                    Set(state.partitions.filter { $0.value.isHeld && $0.value.grant == grant }.keys),
                    state.taskPartitions
                )
            }
            guard !held.isEmpty else { return }
            let commits: [CommittedOffset]? = try? await Blocking.run {
                guard let count else { return nil }
                return try consumer.committedOffsets(
                    of: (0..<count).map { TopicPartition(configuration.topics.tasks, $0) })
            }
            let free = handover.free(of: held, commits, at: .now)
            if !free.partitions.isEmpty {
                if free.isOverdue {
                    self.logger.warning(
                        "not all owners of the old partitions have said that they know of the new ones; waited long enough",
                        metadata: ["partitions": "\(free.partitions.sorted())"])
                }
                self.state.withLockedValue { state in
                    for name in free.partitions where state.partitions[name]?.grant == grant {
                        state.partitions[name]?.isHeld = false
                    }
                }
                self.committer.commitSoon()
                self.keepWarm()
                continue
            }
            if !isTold {
                isTold = true
                self.logger.notice(
                    "new partitions wait until their devices' earlier owners have let go of them",
                    metadata: ["partitions": "\(held.sorted())"])
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Whether the task topic has partitions that nobody has ever owned, as a member in good standing sees it.
    private func hasUnserved(_ count: Int32, _ consumer: KafkaConsumer) async -> Bool {
        guard self.state.withLockedValue({ $0.partitions.values.contains { $0.isOpened } }) else { return false }
        let topic = self.configuration.topics.tasks
        let committed = try? await Blocking.run {
            try consumer.committedOffsets(of: (0..<count).map { TopicPartition(topic, $0) })
        }
        return committed?.contains { $0.offset == nil } ?? false
    }

    /// Devices with a session or tasks here whose home is another worker's now. They stay with their old partition, which may still have tasks for
    /// them; those whose new home is here too go with that one from now on.
    private func takeMoved() -> [String] {
        self.state.withLockedValue { state in
            var moved: [String] = []
            for (partition, content) in state.partitions {
                for device in content.devices {
                    guard let home = self.home(of: device, among: state.taskPartitions), home != partition.partition
                    else { continue }
                    let name = TopicPartition(partition.topic, home)
                    if state.partitions[name] == nil {
                        moved.append(device)
                    } else {
                        state.partitions[partition]?.devices.remove(device)
                        state.partitions[name]?.devices.insert(device)
                    }
                }
            }
            return moved
        }
    }
}
