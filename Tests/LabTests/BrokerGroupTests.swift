import Dispatch
import Kafka
import Lab
import NIOConcurrencyHelpers
import Testing

/// Librdkafka's consumers in groups that the proxy coordinates, in front of a real broker process.
@Suite("Consumer groups through the proxy", .timeLimit(.minutes(2)))
struct BrokerGroupTests {
    private func group(_ instanceID: String?, sessionTimeout: Duration = .seconds(30)) -> KafkaConsumer.Group {
        .init(id: "g", instanceID: instanceID, sessionTimeout: sessionTimeout)
    }

    @Test(
        "members of either protocol share a topic, and one that leaves gives its part to the other",
        arguments: ["cooperative-sticky", "range"])
    func sharing(strategy: String) async throws {
        try await BrokerFixture.withProxy(topics: ["t": 6]) { _, _, configuration in
            var configuration = configuration
            configuration.properties["partition.assignment.strategy"] = strategy
            try await BrokerFixture.withMember(configuration, group(nil), topic: "t") { one, _ in
                try await BrokerFixture.until("the first owns all") { one.assignment.count == 6 }
                try await BrokerFixture.withMember(configuration, group(nil), topic: "t") { two, _ in
                    try await BrokerFixture.until("each owns half") {
                        one.assignment.count == 3 && two.assignment.count == 3
                            && one.assignment.isDisjoint(with: two.assignment)
                    }
                }
                try await BrokerFixture.until("the first owns all again") { one.assignment.count == 6 }
            }
        }
    }

    @Test(
        "a static member that restarts within its session has its partitions back, leader or not, and nobody else hears of it",
        arguments: [true, false])
    func restart(ofLeader: Bool) async throws {
        try await BrokerFixture.withProxy(topics: ["t": 6]) { _, _, configuration in
            var before: Set<Kafka.TopicPartition> = []
            // Whoever comes first leads.
            let (stays, restarts) = ofLeader ? ("b", "a") : ("a", "b")
            func shared(_ one: KafkaConsumer, _ two: KafkaConsumer) -> Bool {
                one.assignment.count == 3 && two.assignment.count == 3
                    && one.assignment.isDisjoint(with: two.assignment)
            }
            func play(_ one: KafkaConsumer, _ owner: BrokerFixture.Owner) async throws {
                let events = owner.events
                try await BrokerFixture.withMember(configuration, group(restarts), topic: "t") { two, _ in
                    try await BrokerFixture.until("back") { two.assignment == before }
                    try await one.commit(one.assignment.map { .init($0, offset: 0) })
                    try await two.commit(two.assignment.map { .init($0, offset: 0) })
                }
                #expect(owner.events == events)
                #expect(one.assignment.count == 3)
            }
            if ofLeader {
                // The one that restarts is there first, and ends first.
                let first = BrokerFixture.Owner()
                let leader = try KafkaConsumer(
                    configuration, group: group(restarts), topics: ["t"], delegate: first, logger: BrokerFixture.logger)
                let run = Task { try await leader.run() }
                try await BrokerFixture.until("the leader owns all") { leader.assignment.count == 6 }
                try await BrokerFixture.withMember(configuration, group(stays), topic: "t") { one, owner in
                    try await BrokerFixture.until("each owns half") { shared(one, leader) }
                    before = leader.assignment
                    leader.stop()
                    try await run.value
                    try await play(one, owner)
                }
            } else {
                try await BrokerFixture.withMember(configuration, group(stays), topic: "t") { one, owner in
                    try await BrokerFixture.until("the leader owns all") { one.assignment.count == 6 }
                    try await BrokerFixture.withMember(configuration, group(restarts), topic: "t") { two, _ in
                        try await BrokerFixture.until("each owns half") { shared(one, two) }
                        before = two.assignment
                    }
                    try await play(one, owner)
                }
            }
        }
    }

    @Test(
        "a member that is cut off loses its partitions to the other after its session, and is told so when it is back")
    func expiry() async throws {
        try await BrokerFixture.withProxy(topics: ["t": 4]) { _, proxy, configuration in
            var victim = configuration
            victim.clientID = "victim"
            let short = group(nil, sessionTimeout: .seconds(2))
            try await BrokerFixture.withMember(configuration, short, topic: "t") { one, _ in
                try await BrokerFixture.withMember(victim, short, topic: "t") { two, owner in
                    try await BrokerFixture.until("each owns half") {
                        one.assignment.count == 2 && two.assignment.count == 2
                    }
                    let half = two.assignment
                    try await proxy.setFault(.blackHole, clientID: "victim")
                    try await BrokerFixture.until("the other owns all") { one.assignment.count == 4 }
                    #expect(await proxy.counters().expiredSessions == 1)
                    try await proxy.setFault(nil, clientID: "victim")
                    try await BrokerFixture.until("told") { owner.events.contains(.lost(half)) }
                    try await BrokerFixture.until("each owns half again") {
                        one.assignment.count == 2 && two.assignment.count == 2
                    }
                }
            }
        }
    }

    /// Takes its time to give partitions up.
    private final class SlowOwner: KafkaConsumerDelegate {
        let inner = BrokerFixture.Owner()
        let isGivingUp = NIOLockedValueBox(false)
        let mayGoOn = DispatchSemaphore(value: 0)

        func consumer(_ consumer: KafkaConsumer, assigned partitions: [CommittedOffset], rebalance: Int) {
            self.inner.consumer(consumer, assigned: partitions, rebalance: rebalance)
        }
        func consumer(_ consumer: KafkaConsumer, revoking partitions: [Kafka.TopicPartition], rebalance: Int) {
            self.inner.consumer(consumer, revoking: partitions, rebalance: rebalance)
            let isFirst = self.isGivingUp.withLockedValue { isGivingUp in
                defer { isGivingUp = true }
                return !isGivingUp
            }
            if isFirst { self.mayGoOn.wait() }
        }
        func consumer(_ consumer: KafkaConsumer, lost partitions: [Kafka.TopicPartition], rebalance: Int) {
            self.inner.consumer(consumer, lost: partitions, rebalance: rebalance)
        }
        func consumer(_ consumer: KafkaConsumer, received records: [KafkaRecord]) {}
        func consumerPolled(_ consumer: KafkaConsumer) {}
        func consumer(_ consumer: KafkaConsumer, failed error: KafkaError) {}
    }

    @Test("a member that is evicted while it gives partitions up has lost the others, also when it has joined again")
    func evictedWhileRevoking() async throws {
        try await BrokerFixture.withProxy(topics: ["t": 4]) { _, proxy, configuration in
            var cut = configuration
            cut.clientID = "cut"
            let slow = SlowOwner()
            let one = try KafkaConsumer(
                cut, group: .init(id: "g", sessionTimeout: .seconds(6)), topics: ["t"], delegate: slow,
                logger: BrokerFixture.logger)
            async let run: Void = one.run()
            try await BrokerFixture.until("it owns all") { one.assignment.count == 4 }
            let group = KafkaConsumer.Group(id: "g", sessionTimeout: .seconds(6))
            try await BrokerFixture.withMember(configuration, group, topic: "t") { two, _ in
                try await BrokerFixture.until("half is to be given up") { slow.isGivingUp.withLockedValue { $0 } }
                try await proxy.setFault(.blackHole, clientID: "cut")
                try await BrokerFixture.until("the other has all") { two.assignment.count == 4 }
                let kept = one.assignment.subtracting(
                    slow.inner.events.compactMap { if case .revoked(let some) = $0 { some } else { nil } }.joined())
                #expect(kept.count == 2)
                try await two.commit(kept.map { .init($0, offset: 9) })
                try await proxy.setFault(nil, clientID: "cut")
                slow.mayGoOn.signal()
                // What it owned as the earlier member it neither commits nor gives up in order any more.
                try await BrokerFixture.until("it shares with the other again") {
                    for partition in kept { try? await one.commit([.init(partition, offset: 5)]) }
                    return slow.inner.events.contains(.lost(kept)) && one.assignment.count == 2
                        && two.assignment.count == 2
                }
                let admin = try KafkaAdmin(configuration, logger: BrokerFixture.logger)
                let offsets = try await admin.committedOffsets(group: "g", Array(kept))
                await admin.close()
                let returned = one.assignment.intersection(kept)
                for offset in offsets where !returned.contains(offset.topicPartition) { #expect(offset.offset == 9) }
                #expect(
                    slow.inner.assigned.contains { kept.contains($0.topicPartition) && $0.offset == 9 }
                        || returned.isEmpty)
            }
            one.stop()
            try await run
        }
    }

    @Test("groups outlive a restart of the broker: members go on as they are, with their offsets")
    func brokerRestart() async throws {
        try await BrokerFixture.withProxy(topics: ["t": 4]) { broker, proxy, configuration in
            try await BrokerFixture.withMember(configuration, group("a"), topic: "t") { one, first in
                try await BrokerFixture.withMember(configuration, group("b"), topic: "t") { two, second in
                    try await BrokerFixture.until("each owns half") {
                        one.assignment.count == 2 && two.assignment.count == 2
                    }
                    let events = (first.events, second.events)
                    try await one.commit(one.assignment.map { .init($0, offset: 5, metadata: "m") })
                    let isDone = try await proxy.withBrokerAway(within: .seconds(1)) {
                        try await broker.restart()
                    }
                    #expect(isDone)
                    try await two.commit(two.assignment.map { .init($0, offset: 6, metadata: "n") })
                    try await one.commit(one.assignment.map { .init($0, offset: 7, metadata: "o") })
                    #expect(first.events == events.0 && second.events == events.1)
                    #expect(await proxy.counters().expiredSessions == 0)
                }
            }
        }
    }
}
