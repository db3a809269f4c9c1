import Devices
import Jobs
import Kafka
import Logging
import ServiceLifecycle

/// A worker process: routes jobs, owns devices and runs their tasks, as its roles say.
///
/// Run it in a `ServiceGroup`: graceful shutdown stops taking work, drains, publishes, commits, closes all sessions, and returns.
package final class TetherWorker: Service {
    private let configuration: WorkerConfiguration
    private let client: DeviceClient
    private let logger: Logger

    private let router: (delegate: Router, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let collector: (delegate: Collector, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let executor: (delegate: Executor, consumer: KafkaConsumer, producer: KafkaProducer)?
    private let events: EventPublisher?

    package init(_ configuration: WorkerConfiguration, devices: DeviceClient, logger: Logger) throws(KafkaError) {
        self.configuration = configuration
        self.client = devices
        self.logger = logger

        func consumer(
            _ role: WorkerConfiguration.Role,
            of topic: String,
            _ delegate: any KafkaConsumerDelegate
        ) throws(KafkaError) -> KafkaConsumer {
            try KafkaConsumer(
                configuration.kafka,
                group: KafkaConsumer.Group(
                    id: "\(configuration.topics.prefix).\(role.groupName)",
                    instanceID: configuration.isStaticMember ? configuration.name : nil,
                    sessionTimeout: configuration.sessionTimeout
                ),
                topics: [topic],
                delegate: delegate,
                logger: logger
            )
        }

        if configuration.roles.contains(.route) {
            // The transactional id is the worker's own: a restarted worker fences its predecessor, and two workers never fence each other.
            let producer = try KafkaProducer(
                configuration.kafka,
                transactionalID: "\(configuration.topics.prefix).router.\(configuration.name)",
                logger: logger
            )
            let delegate = Router(configuration: configuration, client: devices, producer: producer, logger: logger)
            self.router = (delegate, try consumer(.route, of: configuration.topics.jobs, delegate), producer)
        } else {
            self.router = nil
        }

        if configuration.roles.contains(.collect) {
            let producer = try KafkaProducer(
                configuration.kafka,
                transactionalID: "\(configuration.topics.prefix).collector.\(configuration.name)",
                logger: logger
            )
            let delegate = Collector(configuration: configuration, producer: producer, logger: logger)
            self.collector = (delegate, try consumer(.collect, of: configuration.topics.progress, delegate), producer)
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
            let delegate = Executor(configuration: configuration, client: devices, producer: producer, logger: logger)
            self.executor = (delegate, try consumer(.execute, of: configuration.topics.tasks, delegate), producer)
            devices.setWriteGuard { [weak delegate] in delegate?.maySend ?? false }
            // A producer of their own, outside of transactions: results never wait behind events.
            let events = EventPublisher(
                producer: try KafkaProducer(configuration.kafka, logger: logger), topic: configuration.topics.events,
                worker: configuration.name, logger: logger)
            devices.setEventListener { events.take($0) }
            self.events = events
        } else {
            self.executor = nil
            self.events = nil
        }
    }

    package var status: WorkerStatus {
        let events = self.events?.figures ?? EventPublisher.Figures()
        return WorkerStatus(
            name: self.configuration.name,
            execution: self.executor?.delegate.progress,
            routedJobs: self.router?.delegate.routedJobs,
            collection: self.collector?.delegate.progress,
            openSessions: self.client.openSessionCount,
            waitingEvents: events.waiting,
            droppedEvents: events.dropped,
            failure: self.failure?.description
        )
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
            ]
        )
        var failure: (any Error)?
        do {
            try await withGracefulShutdownHandler {
                try await self.runRoles()
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
        self.logger.info("worker drains")
        self.router?.consumer.stop()
        self.executor?.consumer.stop()
        self.collector?.consumer.stop()
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
                                router.delegate.fail(error, router.consumer)
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
