import Devices
import Foundation
import Jobs
import Kafka
import Logging

/// Taking tasks from the log: what is to be run goes to its lane, everything else is answered here.
extension Executor {
    func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let taken = ContinuousClock.now
        var accepted: [AssignedTask] = []
        var misfits: [(KafkaRecord, grant: Int, JobsError)] = []
        var crashed: [AssignedTask] = []
        var cancelled: [AssignedTask] = []
        var full: [TopicPartition] = []
        // Decoded before the lock is taken: acknowledgements and lanes wait for it.
        let contents = records.map { self.read($0) }
        self.state.withLockedValue { state in
            for (record, content) in zip(records, contents) {
                let name = record.topicPartition
                // In place: a copy of the ledger for each record would cost more than the rest.
                guard let partition = state.partitions[name] else { continue }
                guard partition.beyondWindow.isEmpty, !partition.ledger.isBeyondWindow(record.offset) else {
                    state.partitions[name]?.beyondWindow.append(record)
                    if !partition.isPaused { full.append(name) }
                    state.partitions[name]?.isPaused = true
                    continue
                }
                guard let grant = state.partitions[name]?.grant,
                    let admission = state.partitions[name]?.ledger.admit(record.offset), admission != .skip
                else { continue }
                state.takenTasks += 1
                state.partitions[name]?.heldBytes += record.heldBytes
                switch content {
                case .failure(let misfit):
                    misfits.append((record, grant, misfit))
                case .success(let task):
                    state.partitions[name]?.devices.insert(task.device)
                    let mayHaveRun =
                        admission.mayHaveRun || record.headers.contains { $0.name == HeaderName.mayHaveRun }
                    var assigned = AssignedTask(
                        task: task,
                        partition: name,
                        offset: record.offset,
                        grant: grant,
                        size: record.heldBytes,
                        // In transactions, what isn't done has no result.
                        mayHaveRun: mayHaveRun && self.outbox == nil,
                        taken: taken,
                        now: now,
                        maximumDeadline: self.configuration.maximumDeadline
                    )
                    let home = state.homes.home(of: task.device)
                    if let home, home != name.partition { assigned.stray = record }
                    if admission == .begunBefore {
                        crashed.append(assigned)
                    } else if state.cancellations.covers(task) {
                        cancelled.append(assigned)
                    } else {
                        accepted.append(assigned)
                    }
                }
                if let partition = state.partitions[name], !partition.isPaused, partition.isFull(self.windowLimits) {
                    state.partitions[name]?.isPaused = true
                    full.append(name)
                }
            }
        }
        if !full.isEmpty {
            do { try consumer.pause(full) } catch {
                self.logger.warning("can't pause", metadata: ["error": "\(error)"])
            }
        }
        if let tracing = self.telemetry.tracing {
            for index in accepted.indices { tracing.begin(&accepted[index]) }
            for index in crashed.indices { tracing.begin(&crashed[index]) }
            for index in cancelled.indices { tracing.begin(&cancelled[index]) }
        }
        for (record, grant, misfit) in misfits { self.settle(record, grant: grant, misfit) }
        for assigned in crashed { self.reportCrash(assigned) }
        for assigned in cancelled { Task { await self.end(assigned, .cancelledBeforeStart(assigned)) } }
        self.enqueue(accepted)
    }

    /// A partition is paused while a whole batch still fits into its window.
    var windowLimits: WindowLimits {
        WindowLimits(span: max(1, self.configuration.window - 1_000), bytes: self.configuration.windowBytes)
    }

    func read(_ record: KafkaRecord) -> Result<DeviceTask, JobsError> {
        guard let value = record.value else {
            return .failure(JobsError(code: "job.undecodable", message: "the record has a null value"))
        }
        return Result { () throws(JobsError) in try DeviceTask(decoding: value) }
    }

    func settle(_ record: KafkaRecord, grant: Int, _ misfit: JobsError) {
        self.logger.warning(
            "a task record can't be used",
            metadata: [
                "partition": "\(record.topicPartition)", "offset": "\(record.offset)", "error": "\(misfit)",
            ]
        )
        let letter = DeadLetter.record(
            for: record, topic: self.configuration.topics.deadLetters, code: misfit.code, reason: misfit.message,
            holdsSecret: misfit.holdsSecret)
        let task = Settlement(
            partition: record.topicPartition, offset: record.offset, grant: grant, bytes: record.heldBytes)
        Task { await self.publish(letter, settling: task) }
    }

    func reportCrash(_ assigned: AssignedTask) {
        let run = TaskRun(assigned: assigned, inlineLimit: 0)
        let reason = ErrorDescription(
            code: "worker.crashed",
            message:
                "the worker that had begun this change ended before it could tell; look at the device before you repeat it",
            retriable: false
        )
        let result = run.result(.unknown, error: reason)
        Task { await self.end(assigned, .result(result)) }
    }

    func enqueue(_ tasks: [AssignedTask]) {
        var byLoop: [ObjectIdentifier: [AssignedTask]] = [:]
        for assigned in tasks {
            let group = self.lanes.group(on: self.client.eventLoop(for: assigned.task.device), services: self.services)
            byLoop[ObjectIdentifier(group), default: []].append(assigned)
        }
        for group in self.lanes.groups {
            guard let batch = byLoop[ObjectIdentifier(group)] else { continue }
            // One crossing for the whole batch; the loop's queue keeps batches in order.
            group.eventLoop.execute { group.assumeIsolated { $0.enqueue(batch) } }
        }
    }

    var services: LaneGroup.Services {
        let runner = TaskRunner(
            configuration: self.configuration, client: self.client, publisher: self.publisher,
            metrics: self.telemetry.metrics)
        return LaneGroup.Services(
            run: { assigned, interruption in
                guard await self.confirm(assigned, before: .start) else { return .abandoned(retracted: true) }
                // After the lane knows that it runs: a cancellation that comes from now on interrupts it.
                if self.isCancelled(assigned.task) { return .cancelledBeforeStart(assigned) }
                if self.newHome(of: assigned) != nil {
                    // Whoever wrote it may know that the topic has grown. To send it back to where the device was would cost its place among the device's tasks.
                    await self.learnPartitions(since: assigned.taken)
                    if let home = self.newHome(of: assigned) { return .elsewhere(home) }
                    guard await self.confirm(assigned, before: .start) else { return .abandoned(retracted: true) }
                }
                return await runner.run(
                    assigned,
                    confirm: { await self.confirm(assigned, before: .proceed) },
                    begin: { () async throws(KafkaError) in try await self.begin(assigned) },
                    interruption: interruption
                )
            },
            end: { assigned, end in await self.end(assigned, end) },
            close: { [client] device in await client.close(device) }
        )
    }
}

extension KafkaRecord {
    /// What its task counts for in its partition's window for as long as it is unfinished.
    fileprivate var heldBytes: Int { self.value?.count ?? 0 }
}
