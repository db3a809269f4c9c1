import Jobs
import Kafka
import Logging

/// What the committer writes, one write at a time.
extension Executor {
    /// Results are on their topics; their offsets follow.
    func commitOffsets(of consumer: KafkaConsumer) async throws(KafkaError) {
        if let forwarding, !forwarding.outbox.isEmpty {
            return try await self.commitTransaction(
                forwarding.outbox, by: { () throws(KafkaError) in try forwarding.producer() }, of: consumer)
        }
        let sent = ContinuousClock.now
        var commits = self.takeCommits()
        if commits.isEmpty { commits = self.proof() }
        guard !commits.isEmpty else { return }
        do {
            try await consumer.commit(commits)
        } catch {
            self.telemetry.metrics.failedCommits.increment()
            self.commitFailed(commits)
            throw error
        }
        self.telemetry.metrics.commitDuration.record(duration: .now - sent)
        self.state.withLockedValue { $0.membership.prove(sent: sent) }
        self.committed(commits)
    }

    /// Results, the collector's notes and offsets (with the map of what is done and begun) in one transaction: readers of committed records see each
    /// result once, and whoever takes a partition over sees it done if and only if they do.
    ///
    /// A transaction that fails is tried again with the same records: the ledger counts them as finished already, and no offset leaves this process
    /// except together with them.
    func commitTransaction(
        _ outbox: Outbox,
        by producer: @escaping @Sendable () throws(KafkaError) -> KafkaProducer,
        of consumer: KafkaConsumer
    ) async throws(KafkaError) {
        let entries = outbox.take().filter { entry in
            guard let task = entry.settlement else { return true }
            // Lost in the meantime: the new owner answers.
            return self.state.withLockedValue { state in
                guard state.partitions[task.partition]?.grant == task.grant else { return false }
                state.partitions[task.partition]?.finish(task)
                return true
            }
        }
        let commits = self.takeCommits()
        if !entries.isEmpty || !commits.isEmpty {
            let failures = RecordFailures()
            let sent = ContinuousClock.now
            do {
                try await self.transactions.runToEnd(cancelled: {}) { [replyTopics] () throws(KafkaError) in
                    try outbox.write(entries, commits, producer(), replyTopics, failures, consumer)
                }
            } catch {
                self.telemetry.metrics.failedCommits.increment()
                outbox.putBack(entries, failures, deadLetters: self.configuration.topics.deadLetters)
                self.commitFailed(commits)
                if error.isFatal { self.fail(error) }
                throw error
            }
            self.telemetry.metrics.commitDuration.record(duration: .now - sent)
            self.committed(commits)
            self.settled(entries, commits)
        }
        // The offsets of a transaction don't count as a sign of life with the coordinator, a commit does. It says again what the last transaction said.
        let proof = self.state.withLockedValue { state in
            state.membership.needsProof(.now) ? state.lastCommitted.values.first.map { [$0] } ?? [] : []
        }
        guard !proof.isEmpty else { return }
        let sent = ContinuousClock.now
        try await consumer.commit(proof)
        self.state.withLockedValue { $0.membership.prove(sent: sent) }
    }

    private func settled(_ entries: [Outbox.Entry], _ commits: [CommittedOffset]) {
        for entry in entries {
            for record in entry.records { self.publisher.count(record) }
        }
        self.state.withLockedValue { state in
            for task in entries.compactMap(\.settlement) {
                guard state.partitions[task.partition]?.grant == task.grant else { continue }
                state.partitions[task.partition]?.unacknowledged -= 1
                state.finishedTasks += 1
                state.lastProgress = .now
            }
            for commit in commits where state.partitions[commit.topicPartition] != nil {
                state.lastCommitted[commit.topicPartition] = commit
            }
        }
    }

    private func takeCommits() -> [CommittedOffset] {
        self.state.withLockedValue { state in
            var commits: [CommittedOffset] = []
            for (name, partition) in state.partitions {
                let isReleased = partition.isReleasedInOrder
                let hasNews = partition.told != state.homes.claim
                guard partition.ledger.isDirty || isReleased || !partition.isOpened || hasNews else { continue }
                if let commit = state.commit(of: name, releasedInOrder: isReleased) { commits.append(commit) }
            }
            return commits
        }
    }

    /// A commit that says nothing new: its acknowledgement proves the membership.
    private func proof() -> [CommittedOffset] {
        self.state.withLockedValue { state in
            guard state.membership.needsProof(.now) else { return [] }
            for name in state.partitions.keys {
                if let commit = state.commit(of: name) { return [commit] }
            }
            return []
        }
    }

    private func committed(_ commits: [CommittedOffset]) {
        let hasOpened = self.state.withLockedValue { state in
            var hasOpened = false
            state.lastCommit = .now
            // Commits of an earlier grant can't be under way: partitions are only granted after the last commit of those who had them.
            for commit in commits where state.partitions[commit.topicPartition]?.isOpened == false {
                state.partitions[commit.topicPartition]?.isOpened = true
                hasOpened = true
            }
            return hasOpened
        }
        if hasOpened { self.keepWarm() }
    }

    private func commitFailed(_ commits: [CommittedOffset]) {
        self.state.withLockedValue { state in
            for commit in commits {
                state.partitions[commit.topicPartition]?.ledger.commitFailed()
                state.partitions[commit.topicPartition]?.told = nil
            }
        }
    }
}

extension Executor.State {
    fileprivate mutating func commit(of name: TopicPartition, releasedInOrder: Bool = false) -> CommittedOffset? {
        guard let commit = self.partitions[name]?.ledger.commit(releasedInOrder: releasedInOrder) else { return nil }
        var metadata = commit.metadata
        metadata.homes = self.homes.claim
        self.partitions[name]?.told = metadata.homes
        return CommittedOffset(name, offset: commit.offset, metadata: metadata.text)
    }
}
