import Devices
import Jobs
import Kafka
import Logging
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle

/// A worker process: routes jobs, owns devices and runs their tasks, as its roles say.
///
/// Run it in a `ServiceGroup`: graceful shutdown stops taking work, drains, publishes, commits, closes all sessions, and returns.
package final class TetherWorker: Service {
    private let configuration: WorkerConfiguration
    private let client: DeviceClient
    private let inventory: InventoryWatch?
    private let telemetry: Telemetry
    private let logger: Logger

    private let router: (delegate: Router, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let collector: (delegate: Collector, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let executor: (delegate: Executor, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let events: EventPublisher?
    private let watches: [(watch: RoleWatch, consumer: KafkaConsumer)]
    private let isDraining = NIOLockedValueBox(false)
    private let began = ContinuousClock.now

    /// - Parameter inventory: what it reads anew is taken into use while the worker runs.
    package init(
        _ configuration: WorkerConfiguration, devices: DeviceClient, inventory: InventoryWatch? = nil,
        telemetry: Telemetry = Telemetry(), logger: Logger
    ) throws(KafkaError) {
        self.configuration = configuration
        self.client = devices
        self.inventory = inventory
        self.telemetry = telemetry
        self.logger = logger

        var watches: [(watch: RoleWatch, consumer: KafkaConsumer)] = []
        func consumer(
            _ role: WorkerConfiguration.Role,
            of topics: [String],
            _ delegate: any KafkaConsumerDelegate
        ) throws(KafkaError) -> KafkaConsumer {
            let watch = RoleWatch(role, delegate, telemetry.metrics)
            let consumer = try KafkaConsumer(
                configuration.kafka,
                group: KafkaConsumer.Group(
                    id: "\(configuration.topics.prefix).\(role.groupName)",
                    instanceID: configuration.isStaticMember ? configuration.name : nil,
                    sessionTimeout: configuration.sessionTimeout
                ),
                topics: topics,
                delegate: watch,
                logger: logger
            )
            watches.append((watch, consumer))
            return consumer
        }

        if configuration.roles.contains(.route) {
            // The transactional id is the worker's own: a restarted worker fences its predecessor, and two workers never fence each other.
            let producer = try KafkaProducer(
                configuration.kafka,
                transactionalID: "\(configuration.topics.prefix).router.\(configuration.name)",
                logger: logger
            )
            let delegate = Router(
                configuration: configuration, client: devices, producer: producer, telemetry: telemetry, logger: logger)
            self.router = (delegate, try consumer(.route, of: configuration.jobTopics, delegate), producer)
        } else {
            self.router = nil
        }

        if configuration.roles.contains(.collect) {
            let producer = try KafkaProducer(
                configuration.kafka,
                transactionalID: "\(configuration.topics.prefix).collector.\(configuration.name)",
                logger: logger
            )
            let delegate = Collector(
                configuration: configuration, producer: producer, telemetry: telemetry, logger: logger)
            self.collector = (delegate, try consumer(.collect, of: [configuration.topics.progress], delegate), producer)
        } else {
            self.collector = nil
        }

        if configuration.roles.contains(.execute) {
            let producer = try KafkaProducer(
                configuration.kafka,
                transactionalID: configuration.resultDelivery == .exactlyOnce
                    ? "\(configuration.topics.prefix).executor.\(configuration.name)" : nil,
                logger: logger
            )
            let delegate = try Executor(
                configuration: configuration, client: devices, producer: producer, telemetry: telemetry, logger: logger)
            self.executor = (delegate, try consumer(.execute, of: [configuration.topics.tasks], delegate), producer)
            devices.setWriteGuard { [weak delegate] in delegate?.maySend ?? false }
            // A producer of their own, outside of transactions: results never wait behind events.
            let events = EventPublisher(
                producer: try KafkaProducer(configuration.kafka, logger: logger), topic: configuration.topics.events,
                worker: configuration.name, logger: logger)
            let metrics = telemetry.metrics
            devices.setEventListener { event in
                metrics.happened(event)
                events.take(event)
            }
            let troubles = telemetry.troubles
            devices.setLoginListener { report in
                metrics.loggedIn(report)
                troubles.note(report)
            }
            self.events = events
        } else {
            self.executor = nil
            self.events = nil
        }
        self.watches = watches
    }

    package var status: WorkerStatus {
        let events = self.events?.figures ?? EventPublisher.Figures()
        return WorkerStatus(
            name: self.configuration.name,
            roles: self.configuration.roles.sorted { $0.rawValue < $1.rawValue },
            memberships: self.watches.map {
                $0.watch.status($0.consumer, sessionTimeout: self.configuration.sessionTimeout)
            },
            execution: self.executor?.delegate.progress,
            routedJobs: self.router?.delegate.routedJobs,
            collection: self.collector?.delegate.progress,
            openSessions: self.client.openSessionCount,
            waitingEvents: events.waiting,
            droppedEvents: events.dropped,
            isDraining: self.isDraining.withLockedValue { $0 },
            failure: self.failure?.description
        )
    }

    // MARK: For those who look

    /// All sessions. Takes a moment with thousands of them.
    package var sessions: [SessionStatus] { self.client.sessionStatus }
    package var sessionCounts: [SessionStatus.State: Int] { self.client.sessionCounts }
    package var sessionLimit: Int { self.client.sessionLimit }
    package var inventoryCount: Int { self.client.inventory.deviceNames.count }
    /// The event loops that sessions and lanes live on.
    package var eventLoops: [any EventLoop] { self.client.eventLoops }
    package var failures: [RecentFailures.Failure] { self.telemetry.failures.latest }
    package var failureCounts: [Outcome: Int] { self.telemetry.failures.counts }
    package var uptime: Duration { .now - self.began }

    /// Devices of this worker whose last login failed and that have no open session, in no order: a credential of one job alone may be refused where the
    /// device's own one works.
    package var troubles: [DeviceTroubles.Trouble] {
        guard let executor = self.executor?.delegate else { return [] }
        let inventory = self.client.inventory
        return self.telemetry.troubles.latest(
            isOurs: executor.ownership, isKnown: { inventory[$0] != nil }
        ).filter { !self.client.hasSession($0.device) }
    }

    /// Records of the job topics and of the task topic that this worker has not taken yet, of the latter by partition; as of the last interval.
    package var lag: (jobs: Int64?, tasks: [Int32: Int64]) {
        let jobs = self.router?.consumer.statistics?.partitions.reduce(Int64(0)) { $0 + $1.lag }
        let tasks = self.executor?.consumer.statistics?.partitions ?? []
        return (jobs, Dictionary(tasks.map { ($0.topicPartition.partition, $0.lag) }, uniquingKeysWith: { $1 }))
    }

    /// Devices with a task that waits or runs. Asks every event loop.
    package func lanes() async -> [LaneStatus] { await self.executor?.delegate.laneStatus() ?? [] }

    /// What the Kafka clients have counted, by name; as of the last interval.
    package var kafkaStatistics: [(client: String, statistics: KafkaStatistics)] {
        [
            ("route_consumer", self.router?.consumer.statistics),
            ("route_producer", self.router?.producer.statistics),
            ("execute_consumer", self.executor?.consumer.statistics),
            ("execute_producer", self.executor?.producer.statistics),
            ("collect_consumer", self.collector?.consumer.statistics),
            ("collect_producer", self.collector?.producer.statistics),
            ("events_producer", self.events?.statistics),
        ].compactMap { name, statistics in statistics.map { (name, $0) } }
    }

    private var failure: KafkaError? {
        self.executor?.delegate.failure ?? self.router?.delegate.failure ?? self.collector?.delegate.failure
    }

    /// Runs until graceful shutdown or cancellation.
    /// - Throws: the `KafkaError` that made going on impossible (fenced, fatal). What was not finished is left to the next owner.
    package func run() async throws {
        self.logger.info(
            "worker starts",
            metadata: [
                "name": "\(self.configuration.name)",
                "roles": "\(self.configuration.roles.map(\.rawValue).sorted().joined(separator: ","))",
                "devices": "\(self.client.inventory.deviceNames.count)",
                "ad_hoc_targets": "\(self.configuration.allowsAdHocTargets ? "allowed" : "refused")",
                "job_topics": "\(self.configuration.jobTopics.joined(separator: ","))",
            ]
        )
        if self.configuration.policy == nil {
            self.logger.notice(
                "no policy is given: whoever may write to the job topic may run anything on every device of the inventory",
                metadata: [
                    "job_topic": "\(self.configuration.topics.jobs)",
                    "reply_topics":
                        "\(([self.configuration.topics.results] + self.configuration.replyTopics.map(\.description)).joined(separator: ","))",
                ])
        }
        var failure: (any Error)?
        do {
            try await withGracefulShutdownHandler {
                try await self.runFollowingInventory()
            } onGracefulShutdown: {
                self.stop()
            }
        } catch {
            failure = error
        }
        await self.router?.producer.close()
        await self.executor?.producer.close()
        await self.executor?.delegate.forwarding?.close()
        await self.collector?.producer.close()
        // After a fault the partitions may not have been given up in order.
        self.client.keepWarm([])
        await self.client.close(within: .seconds(5))
        await self.events?.close()
        self.logger.info("worker ended")
        if let error = failure ?? self.failure { throw error }
    }

    private func stop() {
        self.isDraining.withLockedValue { $0 = true }
        self.logger.info("worker drains")
        self.router?.consumer.stop()
        self.executor?.consumer.stop()
        self.collector?.consumer.stop()
    }

    private func runFollowingInventory() async throws {
        guard let inventory else { return try await self.runRoles() }
        try await withThrowingTaskGroup { parts in
            parts.addTask {
                await self.client.follow(inventory) { news in
                    self.events?.take(news)
                    self.telemetry.metrics.inventoryRead(news)
                    // Which devices are to be kept open may have changed. Sessions of those that are gone are closed already.
                    if case .changed = news { self.executor?.delegate.keepWarm() }
                }
                return false
            }
            parts.addTask {
                try await self.runRoles()
                return true
            }
            while let areRoles = try await parts.next() {
                if areRoles { parts.cancelAll() }
            }
        }
    }

    private func runRoles() async throws {
        try await withThrowingTaskGroup { tasks in
            if let router {
                tasks.addTask {
                    try await Blocking.run { try router.producer.initializeTransactions() }
                    // The memory outlives the consumer, which waits for it.
                    try await withThrowingTaskGroup { parts in
                        parts.addTask {
                            do throws(KafkaError) {
                                try await router.delegate.memory.run()
                            } catch {
                                // When the consumer has ended it is cancelled, wherever it is: that is no fault.
                                if !Task.isCancelled { router.delegate.fail(error, router.consumer) }
                            }
                            return false
                        }
                        parts.addTask {
                            try await router.consumer.run()
                            return true
                        }
                        while let isConsumer = try await parts.next() {
                            if isConsumer { parts.cancelAll() }
                        }
                    }
                }
            }
            if let collector {
                tasks.addTask {
                    try await Blocking.run { try collector.producer.initializeTransactions() }
                    try await collector.consumer.run()
                }
            }
            if let executor {
                tasks.addTask {
                    if executor.delegate.outbox != nil {
                        try await Blocking.run { try executor.producer.initializeTransactions() }
                    }
                    let listener = try await ControlListener(
                        self.configuration,
                        actions: ControlListener.Actions(
                            cancel: { await executor.delegate.cancel($0, at: $1) },
                            close: { await executor.delegate.close($0) },
                            drain: { self.stop() }
                        ),
                        logger: self.logger
                    )
                    try await listener.catchUp()
                    // The committer outlives the consumer, whose last act is to drain and commit.
                    try await withThrowingTaskGroup { parts in
                        parts.addTask {
                            await executor.delegate.committer.run()
                            return false
                        }
                        parts.addTask {
                            await executor.delegate.keepProven()
                            return false
                        }
                        parts.addTask {
                            await executor.delegate.watchHomes(of: executor.consumer)
                            return false
                        }
                        parts.addTask {
                            // Who can't hear cancellations any more ends, in order.
                            do throws(KafkaError) { try await listener.run() } catch { executor.delegate.fail(error) }
                            return false
                        }
                        parts.addTask {
                            try await executor.consumer.run()
                            return true
                        }
                        while let isConsumer = try await parts.next() {
                            if isConsumer { parts.cancelAll() }
                        }
                    }
                    await listener.close()
                }
            }
            // If one role ends, by a fault or in order, the other must not go on alone unnoticed.
            while let _ = try await tasks.next() { self.stop() }
        }
    }
}

extension WorkerConfiguration.Role {
    /// Last part of the consumer group's name.
    fileprivate var groupName: String {
        switch self {
        case .route: "router"
        case .execute: "executor"
        case .collect: "collector"
        }
    }
}
