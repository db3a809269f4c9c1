import ArgumentParser
import Devices
import Foundation
import Kafka
import Logging
import Operations
import ServiceLifecycle
import Worker

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Consume jobs and run them on the devices that this worker comes to own.",
        discussion: """
            Start as many as you like: Kafka shares the devices out between them. SIGTERM or SIGINT drains: running tasks may end, results are \
            published, sessions closed, and only then are the devices given up. A second signal ends the worker at once, as a crash would. SIGHUP \
            reads the inventory and the policy again.

            Every option has a place in the configuration file and a variable: tether config show tells them, and where each value comes from.

            Examples:
              tether worker --kafka localhost:9092 --inventory ./inventory --name worker-1
              tether worker --config /etc/tether/tether.yaml
            """
    )

    @OptionGroup(title: "Kafka") var kafka: KafkaOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup(title: "What jobs may do") var access: AccessOptions
    @OptionGroup(title: "Sessions") var sessions: SessionOptions
    @OptionGroup(title: "Secrets") var secrets: SecretOptions
    @OptionGroup(title: "Operations") var operations: OperationsOptions

    /// With what every group of options says.
    private func settings() throws -> Settings {
        var given = self.worker.given
        for others in [
            self.access.given, self.sessions.given, self.secrets.given, self.operations.given,
        ] { given.merge(others) { $1 } }
        return try self.kafka.settings(given)
    }

    func validate() throws {
        _ = try self.settings()
    }

    func run() async throws {
        do {
            try await self.run(try self.settings())
        } catch let error as SettingsError {
            throw ValidationError(error.description)
        }
    }

    private func run(_ settings: Settings) async throws {
        let logger = LogOptions.logger(
            "tether.worker", try settings.value(Settings.logLevel), try settings.value(Settings.logFormat))
        for note in Settings.unknownVariables(in: ProcessInfo.processInfo.environment) { logger.warning("\(note)") }
        self.raiseDescriptorLimit(try settings.value(Settings.maximumSessions), logger)
        if try !settings.value(Settings.allowCoreDumps) { SecretOptions.protectMemory(logger) }
        let policy = try settings.policySource()
        let configuration = try settings.worker(policy: policy)
        let operations = try settings.operations(of: configuration.name, logger: logger)
        try await settings.checkListen()
        let watch = InventoryWatch(path: try settings.value(Settings.inventory), logger: logger)
        let inventory = try await watch.load()
        InventoryReport.log(inventory, logger)
        let devices = try DeviceClient(try settings.devices(inventory), logger: logger)
        let worker = try TetherWorker(
            configuration, devices: devices, inventory: watch, telemetry: operations.telemetry, logger: logger)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        for service in operations.services(for: worker) { services.append(.init(service: service)) }
        services.append(
            .init(
                service: worker,
                successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup
            )
        )
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services,
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        let haste = SecondSignal(logger: logger)
        defer { haste.stop() }
        let reloading = HangUpSignal(logger: logger, self.reloads(watch, policy, configuration))
        defer { reloading.stop() }
        do {
            try await group.run()
        } catch let error as KafkaError where error.code == "kafka.unknown_topic_or_part" {
            throw CommandFailure(.unavailable, "\(error) With: tether topics create\(self.kafka.words)")
        } catch let error as KafkaError where error.code == "kafka.fenced_instance_id" {
            throw CommandFailure(
                .unavailable,
                "Another worker runs under the name \(configuration.name): give each its own --name. (\(error.code))")
        }
    }

    /// What is read again on SIGHUP.
    private func reloads(_ inventory: InventoryWatch, _ policy: PolicySource?, _ configuration: WorkerConfiguration)
        -> [HangUpSignal.Reload]
    {
        // The watch reads in its own time, and tells what has changed, or why nothing has.
        var reloads = [
            HangUpSignal.Reload("inventory") {
                inventory.readAgain()
                return nil
            }
        ]
        if let policy {
            let consumed = Set(configuration.jobTopics)
            reloads.append(
                HangUpSignal.Reload("policy") { () async throws -> String? in
                    try policy.reload()
                    let added = Set(policy.current.topicNames).subtracting(consumed).sorted()
                    return added.isEmpty
                        ? nil
                        : "jobs from \(added.joined(separator: ", ")) are taken only after a restart of the worker"
                })
        }
        return reloads
    }

    /// Each session needs a file descriptor; the usual soft limit is 1,024.
    private func raiseDescriptorLimit(_ maximumSessions: Int, _ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // Brokers, timers and files take some of their own.
        let needed = maximumSessions + 200
        if limit.rlim_max < rlim_t(needed) {
            logger.warning(
                "fewer files may be open than --max-sessions needs: raise the hard limit (ulimit -Hn)",
                metadata: ["limit": "\(limit.rlim_max)", "needed": "\(needed)"])
        }
    }
}
