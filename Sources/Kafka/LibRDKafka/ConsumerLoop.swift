import CRDKafka
import Logging

/// What the thread of a consumer does, from subscribing to closing. Confined to that thread.
final class ConsumerLoop {
    let client: ConsumerClient
    let consumer: KafkaConsumer
    let delegate: any KafkaConsumerDelegate
    private var decoder = RecordDecoder()
    /// Records that were polled and not handed over yet. A rebalance in between takes out those of partitions that go.
    private var batch: [KafkaRecord] = []
    private var fatal: KafkaError?
    /// When librdkafka last had our attention: bounds how long closing may take, without the time that the delegate takes.
    private var lastCallback = ContinuousClock.now
    private var hasBeenAssigned = false
    /// Since the last look at what was lost.
    private var wasAssigned = false
    private var isClosed = false

    init(_ client: ConsumerClient, _ consumer: KafkaConsumer, _ delegate: any KafkaConsumerDelegate) {
        self.client = client
        self.consumer = consumer
        self.delegate = delegate
    }

    /// Runs until the consumer is to stop or has failed for good, and leaves the group if it can by then. Blocks.
    ///
    /// To be followed by ``close()``, which may take as long as the group does to let this member join.
    func run() -> Result<Void, KafkaError> {
        self.client.callbacks.loop = self
        var result = Result<Void, KafkaError>.success(())
        do throws(KafkaError) {
            try self.client.startCommits()
            if !self.client.isStopping {
                try self.subscribe()
                while !self.client.isStopping, self.fatal == nil {
                    try self.pollOnce()
                    self.takeBack()
                    self.delegate.consumerPolled(self.consumer)
                }
            }
        } catch {
            result = .failure(error)
        }
        let deadline = Deadline(after: .seconds(5))
        while !self.mayClose, self.fatal == nil, !deadline.hasPassed { self.pollForAssignment() }
        if self.mayClose { self.close() }
        if let fatal = self.fatal { result = .failure(fatal) }
        return result
    }

    /// Ends the client, unless that is done.
    func close() {
        guard !self.isClosed else { return }
        while !self.mayClose { self.pollForAssignment() }
        self.isClosed = true
        let isOrderly = self.leave()
        self.dropRest()
        self.client.stopCommits()
        self.client.handle.close(immediately: !isOrderly)
        self.client.callbacks.loop = nil
    }

    private func subscribe() throws(KafkaError) {
        try self.client.handle.use { client throws(KafkaError) in
            let list = PartitionList(
                self.client.topics.map { TopicPartition($0, RD_KAFKA_PARTITION_UA) }
            )
            let code = list.lend { rd_kafka_subscribe(client, $0) }
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                throw .of(code, client, "Subscribing group `\(self.client.group.id)`")
            }
        }
    }

    // MARK: Polling

    /// Waits up to 100 ms for the first record, and takes what else is there already.
    private func pollOnce() throws(KafkaError) {
        self.decoder = RecordDecoder()
        try self.client.handle.use { client throws(KafkaError) in
            var wait: Int32 = 100
            let maximum = max(1, self.client.group.maximumBatch)
            while self.batch.count < maximum, let message = rd_kafka_consumer_poll(client, wait) {
                defer { rd_kafka_message_destroy(message) }
                wait = 0
                guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                    self.messageFailed(message.pointee, client)
                    if self.fatal != nil { break }
                    continue
                }
                self.batch.append(self.decoder.record(message))
            }
        }
        self.handOver()
    }

    private func handOver() {
        guard !self.batch.isEmpty else { return }
        let records = self.client.assignment.withLockedValue { assignment in
            self.batch.filter { assignment.admit($0.topicPartition, offset: $0.offset) }
        }
        self.batch.removeAll(keepingCapacity: true)
        if !records.isEmpty { self.delegate.consumer(self.consumer, received: records) }
    }

    private func messageFailed(_ message: rd_kafka_message_t, _ client: OpaquePointer) {
        // Said only when somebody asks for it by `enable.partition.eof`; not an error.
        guard message.err != RD_KAFKA_RESP_ERR__PARTITION_EOF else { return }
        let place = message.rkt == nil ? "" : " \(self.decoder.partition(of: message))"
        let action = "Consuming\(place) in group `\(self.client.group.id)`"
        if message.err == RD_KAFKA_RESP_ERR__FATAL, let fatal = KafkaError.fatal(of: client, action) {
            return self.failed(fatal)
        }
        let detail = message.payload.map {
            String(decoding: UnsafeRawBufferPointer(start: $0, count: message.len), as: UTF8.self)
        }
        self.failed(KafkaError(message.err, action, detail: detail))
    }

    /// From the poll, or the error callback inside it.
    func failed(_ error: KafkaError) {
        if error.isFatal { self.fatal = self.fatal ?? error }
        self.delegate.consumer(self.consumer, failed: error)
    }

    // MARK: Rebalancing

    /// The rebalance callback, inside a poll. librdkafka waits for the assign or unassign at the end of it, and the group waits for librdkafka.
    func rebalance(_ code: rd_kafka_resp_err_t, _ client: OpaquePointer, _ list: PartitionList) {
        defer { self.lastCallback = .now }
        let memberID = self.noteLoss(client)
        let number = self.client.assignment.withLockedValue { assignment in
            if code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, let memberID { assignment.join(as: memberID) }
            return assignment.beginRebalance()
        }
        switch code {
        case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
            self.hasBeenAssigned = true
            self.wasAssigned = true
            self.assign(list, client, number)
        case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
            self.revoke(list, client, number)
        default:
            self.failed(.of(code, client, "Rebalancing group `\(self.client.group.id)`"))
            self.drop(Array(self.client.assignment.withLockedValue { $0.partitions }), number)
            rd_kafka_assign(client, nil)
        }
    }

    /// librdkafka forgets that an assignment is lost with the next assign or unassign, even of other partitions. So it is asked before
    /// each, and the answer is kept with the partitions.
    ///
    /// And it doesn't notice a session that expires while a rebalance callback runs: it joins again, as a new member, and believes it owns what it did.
    ///
    /// - Returns: as which member the group knows this one now.
    @discardableResult
    private func noteLoss(_ client: OpaquePointer) -> String? {
        let memberID = ConsumerClient.memberID(client)
        let isLost = rd_kafka_assignment_lost(client) != 0
        self.client.assignment.withLockedValue { assignment in
            if isLost || !assignment.isGranted(to: memberID) { assignment.markLost() }
        }
        return memberID
    }

    private func `protocol`(_ client: OpaquePointer) -> Assignment.RebalanceProtocol {
        let name = rd_kafka_rebalance_protocol(client).map { String(cString: $0) }
        return name == "COOPERATIVE" ? .cooperative : .eager
    }

    private func assign(_ list: PartitionList, _ client: OpaquePointer, _ number: Int) {
        let partitions = list.partitions
        var start = list
        var isGranted = false
        if !partitions.isEmpty, let committed = self.committed(list, client) {
            start = committed
            isGranted = true
            // What was paused in an earlier life of the assignment would stay so.
            _ = PartitionList(partitions).lend { rd_kafka_resume_partitions(client, $0) }
            self.client.assignment.withLockedValue { $0.grant(partitions) }
            self.delegate.consumer(self.consumer, assigned: committed.committedOffsets, rebalance: number)
        }

        self.noteLoss(client)
        let failure =
            switch self.protocol(client) {
            case .cooperative:
                start.lend { rd_kafka_incremental_assign(client, $0) }
                    .map { KafkaError(consuming: $0, "Taking over partitions") }
            case .eager:
                Self.error(start.lend { rd_kafka_assign(client, $0) }, client, "Taking over partitions")
            }
        if let failure {
            self.failed(failure)
            self.drop(partitions, number)
        } else if isGranted {
            let paused = self.client.assignment.withLockedValue { $0.start(partitions) }
            do throws(KafkaError) {
                try self.client.setFetching(false, paused, "Pausing")
            } catch {
                self.failed(error)
            }
        }
    }

    /// What the group has committed, asked for until there is an answer: without it nobody may begin, since finished work would be done again.
    ///
    /// `nil` when the assignment was lost meanwhile, the consumer is to stop, or there was none for so long that the consumer must end: it would hold
    /// partitions that another member could serve.
    private func committed(_ list: PartitionList, _ client: OpaquePointer) -> PartitionList? {
        let action = "Fetching the committed offsets of group `\(self.client.group.id)`"
        let deadline = Deadline(after: .seconds(300))
        var lastCode: rd_kafka_resp_err_t?
        while !self.client.isStopping, rd_kafka_assignment_lost(client) == 0 {
            let answer = list.copy()
            var code = answer.lend { rd_kafka_committed(client, $0, 5_000) }
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { code = answer.failures.first?.value ?? code }
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return answer }
            if code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(client, nil, 0) != RD_KAFKA_RESP_ERR_NO_ERROR {
                self.failed(.of(RD_KAFKA_RESP_ERR__FATAL, client, action))
                return nil
            }
            // Once for each reason, not for each attempt.
            if code != lastCode { self.failed(.of(code, client, action)) }
            lastCode = code
            if deadline.hasPassed {
                self.fatal = self.fatal ?? .of(code, client, action)
                return nil
            }
            self.client.pause(.milliseconds(200))
        }
        return nil
    }

    private func revoke(_ list: PartitionList, _ client: OpaquePointer, _ number: Int) {
        let partitions = list.partitions
        let going = Set(partitions)
        // Not handed over, so not anybody's: the next owner gets them.
        self.batch.removeAll { going.contains($0.topicPartition) }

        let (drain, lost) = self.client.assignment.withLockedValue { $0.revoking(partitions) }
        if !lost.isEmpty { self.delegate.consumer(self.consumer, lost: lost, rebalance: number) }
        if !drain.isEmpty { self.delegate.consumer(self.consumer, revoking: drain, rebalance: number) }

        self.noteLoss(client)
        self.client.assignment.withLockedValue { $0.release(partitions) }
        let failure =
            switch self.protocol(client) {
            case .cooperative:
                list.lend { rd_kafka_incremental_unassign(client, $0) }
                    .map { KafkaError(consuming: $0, "Giving up partitions") }
            case .eager:
                Self.error(rd_kafka_assign(client, nil), client, "Giving up partitions")
            }
        if let failure { self.failed(failure) }
    }

    /// Begins anew with partitions that stay with this process although the member that owned them was evicted: somebody else may have had them in between.
    private func takeBack() {
        guard self.wasAssigned else { return }
        self.wasAssigned = false
        let stale = self.client.assignment.withLockedValue { $0.lost }
        guard !stale.isEmpty else { return }
        let number = self.client.assignment.withLockedValue { $0.beginRebalance() }
        self.drop(stale, number)
        self.batch.removeAll()
        do throws(KafkaError) {
            try self.client.handle.use { client throws(KafkaError) in
                guard let committed = self.committed(PartitionList(stale), client) else { return }
                let logs = try self.client.logRanges(of: stale, timeout: .seconds(10))
                self.client.assignment.withLockedValue { $0.grant(stale) }
                self.delegate.consumer(self.consumer, assigned: committed.committedOffsets, rebalance: number)
                let paused = self.client.assignment.withLockedValue { $0.start(stale) }
                try self.client.setFetching(true, stale, "Resuming")
                try self.client.seek(
                    Dictionary(
                        uniqueKeysWithValues: committed.committedOffsets.map {
                            ($0.topicPartition, $0.offset ?? logs[$0.topicPartition]?.lowerBound ?? 0)
                        }))
                try self.client.setFetching(false, paused, "Pausing")
            }
        } catch {
            // Half taken back, they would be nobody's: the group gives them to somebody when this member has gone.
            self.fatal = self.fatal ?? error
        }
    }

    private func drop(_ partitions: [TopicPartition], _ number: Int) {
        let owned = self.client.assignment.withLockedValue { assignment in
            defer { assignment.release(partitions) }
            return partitions.filter(assignment.owns).sorted()
        }
        if !owned.isEmpty { self.delegate.consumer(self.consumer, lost: owned, rebalance: number) }
    }

    private static func error(_ code: rd_kafka_resp_err_t, _ client: OpaquePointer, _ action: String) -> KafkaError? {
        code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : .of(code, client, action)
    }

    // MARK: Closing

    /// librdkafka 2.0.2 aborts the process when a `cooperative-sticky` member is closed between the answer to its first JoinGroup and its first
    /// assignment: the assignor has no state yet, and destroys it all the same (librdkafka issue 4312). A group that waits for another member may
    /// keep it there for as long as that one's session.
    private var mayClose: Bool { self.hasBeenAssigned || !self.client.hasJoined }

    private func pollForAssignment() {
        try? self.client.handle.use { client throws(KafkaError) in
            // Nothing that is polled now is handed over or committed: it stays for the next owner.
            if let message = rd_kafka_consumer_poll(client, 100) { rd_kafka_message_destroy(message) }
        }
    }

    /// Leaves the group in order: the rebalance callback revokes everything, the delegate drains. Returns whether that came to its end.
    private func leave() -> Bool {
        let isOrderly = try? self.client.handle.use { client throws(KafkaError) in
            guard let queue = rd_kafka_queue_new(client) else { return false }
            // No poll of it is under way any more when this runs.
            defer { rd_kafka_queue_destroy(queue) }
            if let error = rd_kafka_consumer_close_queue(client, queue) {
                let failure = KafkaError(consuming: error, "Leaving group `\(self.client.group.id)`")
                if self.fatal == nil { self.failed(failure) }
                return false
            }
            self.lastCallback = .now
            while rd_kafka_consumer_closed(client) == 0 {
                if let message = rd_kafka_consume_queue(queue, 100) { rd_kafka_message_destroy(message) }
                if self.lastCallback.advanced(by: .seconds(10)) < .now {
                    self.client.logger.warning(
                        "The consumer group could not be left in order within 10 s; its partitions wait for the session time-out.",
                        metadata: ["group": "\(self.client.group.id)"]
                    )
                    return false
                }
            }
            return true
        }
        return isOrderly ?? false
    }

    /// What is owned even now was not revoked in order: after a fatal error, or when closing took too long.
    private func dropRest() {
        self.batch = []
        let (number, rest) = self.client.assignment.withLockedValue { assignment in
            (assignment.partitions.isEmpty ? 0 : assignment.beginRebalance(), assignment.partitions)
        }
        self.drop(Array(rest), number)
    }
}
