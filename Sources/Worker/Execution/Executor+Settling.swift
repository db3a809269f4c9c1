import Jobs
import Kafka
import Logging

/// From the note that a change begins to the commit of what is finished.
extension Executor {
    /// Notes that a change begins, and waits until the note is safe with the group's coordinator. A worker whose partition has moved can't get that
    /// acknowledgement (its generation is old), so it can't begin.
    func begin(_ assigned: AssignedTask) async throws(KafkaError) {
        var isNoted = false
        while true {
            let (isOurs, mayStart) = self.state.withLockedValue { state in
                guard let partition = state.partitions[assigned.partition], partition.grant == assigned.grant,
                    !partition.isDraining
                else { return (false, false) }
                if !isNoted { state.partitions[assigned.partition]?.ledger.begin(assigned.offset) }
                return (true, state.membership.mayStart(.now))
            }
            guard isOurs else {
                throw KafkaError(
                    code: "kafka.not_owner",
                    number: 0,
                    message: "\(assigned.partition) is being given up or isn't ours any more"
                )
            }
            // The process may have been stopped since the acknowledgement came.
            if isNoted && mayStart { return }
            do {
                try await self.committer.commit()
                isNoted = true
            } catch {
                // The commit of a whole group failed, perhaps for another partition's sake: again, until this one is taken, goes to another
                // worker, or the task's time is up.
                do { try await Task.sleep(for: .milliseconds(100)) } catch { throw .cancelled }
            }
        }
    }

    /// What a task is about to do.
    enum Step: Sendable {
        /// To begin. Not while its partition is being given up.
        case start
        /// To go on with its next command.
        case proceed
        /// To publish its result.
        case end
    }

    /// Waits until this worker is known to own the task's partition still: a commit of this grant is acknowledged, and lately the coordinator has heard from us.
    ///
    /// - Returns: false when the partition is another's, or the step may not be taken any more. A cancelled caller isn't held back from running: its
    ///   commands end before anything is sent.
    func confirm(_ assigned: AssignedTask, before step: Step) async -> Bool {
        while true {
            let isRefused = self.committer.isRefused
            let (answer, isHeld) = self.state.withLockedValue { state -> (Bool?, Bool) in
                guard let partition = state.partitions[assigned.partition], partition.grant == assigned.grant,
                    // A member whose commits are refused joins again only when it has given up what it is giving up.
                    !partition.isDraining || step != .start && !isRefused
                else { return (false, false) }
                let isHeld = step == .start && state.isHeld(assigned)
                return (partition.isOpened && state.membership.mayStart(.now) && !isHeld ? true : nil, isHeld)
            }
            if let answer { return answer }
            if Task.isCancelled && step != .end { return true }
            do {
                if isHeld {
                    try await Task.sleep(for: .milliseconds(20))
                } else {
                    try await self.committer.commit()
                }
            } catch {
                // Also for a caller that is cancelled, and so can't wait for a commit.
                self.committer.commitSoon()
                // A task of its own, so that the caller's cancellation doesn't turn waiting into spinning.
                await Task { try? await Task.sleep(for: .milliseconds(100)) }.value
            }
        }
    }

    /// Proves the membership while nothing else is committed. Runs until cancelled.
    func keepProven() async {
        let interval = self.state.withLockedValue { $0.membership.proofInterval }
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            try? await self.committer.commit()
        }
    }

    /// Whether bytes may go to a device now. Called before each write.
    var maySend: Bool { self.state.withLockedValue { $0.membership.maySend(.now) } }

    func end(_ assigned: AssignedTask, _ end: TaskEnd) async {
        switch end {
        case .abandoned(let retracted):
            guard retracted else {
                assigned.trace?.leave("given up; its next owner goes on")
                return
            }
            let stays = self.state.withLockedValue { state in
                guard let partition = state.partitions[assigned.partition], partition.grant == assigned.grant else {
                    return false
                }
                state.partitions[assigned.partition]?.ledger.retract(assigned.offset)
                return !partition.isDraining
            }
            guard stays else {
                assigned.trace?.leave("given up; its next owner goes on")
                return
            }
            // Only the device has moved, because the topic has grown; or it was to move, and has come back meanwhile.
            if let home = self.newHome(of: assigned) { return await self.end(assigned, .elsewhere(home)) }
            let loop = self.client.eventLoop(for: assigned.task.device)
            await self.lanes.group(on: loop, services: self.services).putBack(assigned)
        case .elsewhere(let home):
            guard await self.confirm(assigned, before: .end) else { return }
            self.telemetry.metrics.forwardedTasks.increment()
            assigned.trace?.leave("forwarded to partition \(home)")
            await self.forward(assigned, to: home)
        case .result(var result):
            // Who may have been replaced publishes nothing.
            guard await self.confirm(assigned, before: .end) else { return }
            result.owner = DeviceResult.Owner(worker: self.configuration.name, generation: assigned.grant)
            self.log(result, of: assigned.task)
            self.telemetry.metrics.ended(result, of: assigned.task.operation)
            self.telemetry.failures.note(result, of: assigned.task)
            let record = ReplyRoute(of: assigned.task).record(for: .result(result), job: assigned.task.job)
            let progress = assigned.task.index.map { index in
                JobProgress.ended(.init(job: assigned.task.job, index: index, outcome: result.outcome))
                    .record(topic: self.configuration.topics.progress, key: assigned.task.job)
            }
            await self.publish(record, then: progress, settling: Settlement(assigned))
            assigned.trace?.end(result)
        }
    }

    /// One line for each task.
    func log(_ result: DeviceResult, of task: DeviceTask) {
        guard self.logger.logLevel <= .info else { return }
        var metadata: Logger.Metadata = [
            "job": "\(result.job)", "task": "\(result.task)", "device": "\(result.device)",
            "outcome": "\(result.outcome.rawValue)", "attempts": "\(result.attempts)",
        ]
        if let trace = task.echo.traceID { metadata["trace"] = "\(trace)" }
        if let session = result.session { metadata["session"] = "\(session.id)" }
        if let error = result.error { metadata["error"] = "\(error.code)" }
        self.logger.info("task ended", metadata: metadata)
    }

    /// The task that a record ends.
    struct Settlement: Sendable {
        var partition: TopicPartition
        var offset: Int64
        var grant: Int
        /// Of the record that is held until then.
        var bytes: Int
    }

    /// Publishes the record that ends a task, and when it is acknowledged the one for the collector: a job's `finished` reply comes after its last
    /// result. When both are acknowledged, the task is finished and may be committed.
    ///
    /// - Parameter transactions: where it waits for one, if it does though results don't.
    func publish(
        _ record: ProducerRecord, then next: ProducerRecord? = nil, settling task: Settlement,
        via transactions: Outbox? = nil
    ) async {
        let isOurs = self.state.withLockedValue { state in
            guard let partition = state.partitions[task.partition], partition.grant == task.grant, !partition.isQuiet
            else { return false }
            state.partitions[task.partition]?.unacknowledged += 1
            return true
        }
        // Lost or given up in the meantime: the new owner answers, and two terminal results must not come from here.
        guard isOurs else { return }
        if let outbox = transactions ?? self.outbox {
            await outbox.add(Outbox.Entry([record] + (next.map { [$0] } ?? []), settling: task))
        } else {
            await self.send(record, then: next, settling: task)
        }
    }

    private func send(_ record: ProducerRecord, then next: ProducerRecord?, settling task: Settlement) async {
        await self.publisher.publish(record) { [self] result in
            self.acknowledged(record, result, then: next, settling: task)
        }
    }

    private func acknowledged(
        _ record: ProducerRecord,
        _ result: Result<Void, KafkaError>,
        then next: ProducerRecord?,
        settling task: Settlement
    ) {
        switch result {
        case .success:
            guard let next else { return self.settle(task) }
            guard self.isOurs(task) else { return }
            // The producer's thread may not wait for room; somebody else does.
            let isQueued = self.publisher.tryPublish(next) { [self] result in
                self.acknowledged(next, result, then: nil, settling: task)
            }
            if !isQueued { Task { await self.send(next, then: nil, settling: task) } }
        case .failure(let error) where error.isFatal:
            self.fail(error)
        case .failure(let error):
            // Another owner answers, or will when this worker has ended.
            guard self.isOurs(task), error.code != "kafka.closed" else { return }
            let isLetter = record.topic == self.configuration.topics.deadLetters
            if error.isRetriable {
                Task { await self.send(record, then: next, settling: task) }
            } else if !isLetter {
                // The reply topic is gone or refuses the record: people find it among the dead letters, and the window moves on.
                let letter = DeadLetter.undeliverable(
                    record, topic: self.configuration.topics.deadLetters, task: task.partition, offset: task.offset,
                    reason: error.message)
                Task { await self.send(letter, then: next, settling: task) }
            } else if error.isOfRecord, let bare = DeadLetter.withoutContent(record) {
                Task { await self.send(bare, then: next, settling: task) }
            } else {
                self.fail(error)
            }
        }
    }

    private func isOurs(_ task: Settlement) -> Bool {
        self.state.withLockedValue { $0.partitions[task.partition]?.grant == task.grant }
    }

    private func settle(_ task: Settlement) {
        let isOurs = self.state.withLockedValue { state in
            guard state.partitions[task.partition]?.grant == task.grant else { return false }
            state.partitions[task.partition]?.unacknowledged -= 1
            state.partitions[task.partition]?.finish(task)
            state.finishedTasks += 1
            state.lastProgress = .now
            return true
        }
        if isOurs { self.committer.commitSoon() }
    }
}

extension Executor.Settlement {
    init(_ assigned: AssignedTask) {
        self.init(
            partition: assigned.partition, offset: assigned.offset, grant: assigned.grant, bytes: assigned.size)
    }
}
