import Devices
import Jobs
import Kafka
import Logging

/// Which devices are this worker's: those whose home, the murmur2 partition of their name on the task topic, is assigned to it.
extension Executor {
    /// Where a task's device belongs, if that isn't where the task comes from.
    func newHome(of assigned: AssignedTask) -> Int32? {
        let home = self.state.withLockedValue { $0.homes.home(of: assigned.task.device) }
        return home == assigned.partition.partition ? nil : home
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
            headers: (assigned.stray?.headers ?? []).filter { $0.name != HeaderName.mayHaveRun }
                // What this partition's ledger knows, the other one's doesn't.
                + (assigned.mayHaveRun ? [KafkaHeader(HeaderName.mayHaveRun, "true")] : [])
        )
        await self.publish(record, settling: Settlement(assigned), via: self.forwarding?.outbox)
    }

    /// Keeps open the sessions of exactly those `warm` devices that are this worker's beyond doubt: their partition's first commit is acknowledged, it isn't
    /// being given up, and nobody else can have sessions with them.
    ///
    /// - Returns: devices that are not to be kept open any more. Their sessions are the caller's to close.
    @discardableResult
    func keepWarm() -> Set<String> {
        self.warm.withLockedValue { warm in
            let (homes, ours, ready) = self.state.withLockedValue { state in
                let ready = state.partitions.filter { $1.isOpened && !$1.isDraining && !$1.isHeld }
                return (state.homes, Set(state.partitions.keys.map(\.partition)), ready.keys)
            }
            var devices: [Int32: Set<String>] = [:]
            for partition in ready { devices[partition.partition] = [] }
            if !devices.isEmpty {
                for name in self.client.warmDeviceNames {
                    guard let home = homes.home(of: name), homes.isFree(name, ours.contains) else { continue }
                    devices[home]?.insert(name)
                }
            }
            let wanted = devices.values.reduce(into: Set<String>()) { $0.formUnion($1) }
            guard wanted != warm else { return [] }
            self.state.withLockedValue { state in
                for partition in ready {
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
        await withTaskGroup { tasks in
            tasks.addTask { await self.countPartitions(consumer) }
            tasks.addTask {
                for await _ in self.homesChanged.stream { await self.agree(consumer) }
            }
        }
    }

    private func countPartitions(_ consumer: KafkaConsumer) async {
        var unserved = Unserved()
        // Not all workers at once: one is enough.
        let patience = self.configuration.sessionTimeout + .milliseconds(Int64.random(in: 0...5_000))
        while !Task.isCancelled {
            try? await Task.sleep(for: self.configuration.homeCheckInterval)
            guard let count = await self.learnPartitions() else { continue }
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
        }
    }

    /// Asks a broker for the number of partitions, until it answers if that matters: for a task that is to be forwarded, which a broker takes no sooner.
    func learnPartitions(since time: ContinuousClock.Instant) async {
        while !Task.isCancelled, self.state.withLockedValue({ $0.homes.learnt.map { $0 < time } ?? true }) {
            if await self.learnPartitions() == nil { try? await Task.sleep(for: .milliseconds(200)) }
        }
    }

    private func learnPartitions() async -> Int32? {
        let topic = self.configuration.topics.tasks
        let asked = ContinuousClock.now
        let count = try? await Blocking.run { [producer] in try producer.partitionCount(of: topic, isFresh: true) }
        guard let count else { return nil }
        self.state.withLockedValue { $0.homes.learn(count, asked: asked) }
        self.homesChanged.continuation.yield()
        return count
    }

    /// Lets go of devices that moved when the topic grew, and waits until the other owners have done the same. Returns when all go by the same number of
    /// partitions, or had time enough.
    private func agree(_ consumer: KafkaConsumer) async {
        let topic = self.configuration.topics.tasks
        // An owner that doesn't answer now is no member any more after its session time-out; or it is one, looks, and drains.
        let limit =
            ContinuousClock.now + self.configuration.sessionTimeout + self.configuration.homeCheckInterval * 2
            + self.configuration.drainTimeout
        var isTold = false
        while !Task.isCancelled {
            if self.state.withLockedValue({ $0.homes.isBehind }) { _ = await self.learnPartitions() }
            await self.settleHomes()
            let (count, isBehind, isDone) = self.state.withLockedValue { state in
                let homes = state.homes
                let isHeld = state.partitions.values.contains { $0.isHeld }
                return (homes.count, homes.isBehind, homes.isAgreed && !homes.isBehind && !isHeld)
            }
            if isDone { return }
            var commits: [CommittedOffset]?
            if let count {
                commits = try? await Blocking.run {
                    try consumer.committedOffsets(of: (0..<count).map { TopicPartition(topic, $0) })
                }
            }
            let isLate = ContinuousClock.now >= limit
            let others = self.state.withLockedValue { state -> Set<Int32> in
                if let commits {
                    let foreign = commits.filter { state.partitions[$0.topicPartition] == nil }
                    state.homes.hear(foreign.compactMap { LedgerMetadata($0.metadata)?.homes })
                }
                let others = state.homes.others
                if isLate { state.homes.stopWaiting() }
                guard commits != nil && !isBehind || isLate else { return others }
                for name in state.partitions.keys { state.partitions[name]?.isHeld = false }
                return others
            }
            self.keepWarm()
            self.committer.commitSoon()
            if isLate, commits == nil || !others.isEmpty {
                self.logger.warning(
                    "not all workers have said that they know of the task topic's new partitions; waited long enough",
                    metadata: ["before": "\(others.sorted())"])
            } else if !others.isEmpty, !isTold {
                isTold = true
                self.logger.notice(
                    "devices that moved to other partitions wait until their earlier owners have let go of them",
                    metadata: ["partitions": "\(count ?? 0)", "before": "\(others.sorted())"])
            }
            if isLate { return }
            if commits != nil, !isBehind, others.isEmpty { continue }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Lets go of devices that moved, if the topic has grown since this was last done: what runs may end, and is interrupted after the drain time-out; what
    /// waits is forwarded when its turn comes.
    private func settleHomes() async {
        let (count, settled) = self.state.withLockedValue { ($0.homes.count, $0.homes.settled) }
        guard let count, settled ?? 0 < count else { return }
        let moved = Set(self.takeMoved())
        if let settled {
            self.logger.notice(
                "partitions were added to the task topic; devices move",
                metadata: ["partitions": "\(count)", "before": "\(settled)", "moved": "\(moved.count)"])
        }
        await self.giveUp(moved, until: .now + self.configuration.drainTimeout)
        // Also those that never had a lane here: kept warm.
        await Self.close(moved, self.client)
        self.state.withLockedValue { $0.homes.settle(count) }
        self.committer.commitSoon()
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
                    guard let home = state.homes.home(of: device), home != partition.partition else { continue }
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
