import ArgumentParser
import Devices
import Foundation
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
            published, sessions closed, and only then are the devices given up. A second signal ends the worker at once, as a crash would.

            Example: tether worker --kafka localhost:9092 --inventory ./inventory --name worker-1
            """
    )

    @OptionGroup var kafka: KafkaOptions
    @OptionGroup var log: LogOptions

    @Option(help: ArgumentHelp("Inventory file or directory (YAML).", valueName: "path"))
    var inventory: String

    @Option(
        help:
            "Name of this worker: stands in every result, and makes it a static member of the consumer groups, so that a restart moves nothing. Unique in the fleet."
    )
    var name: String?

    @Option(help: "What this worker does: route, execute, collect, separated by commas.")
    var roles = "route,execute,collect"

    @Option(
        help: ArgumentHelp("known_hosts file to check host keys against and learn new ones into.", valueName: "path"))
    var knownHosts: String?

    @Option(help: ArgumentHelp("Directory with platform definitions of your own.", valueName: "path"))
    var platforms: String?

    @Flag(help: "Take jobs for user@host:port targets that are not in the inventory.")
    var allowAdHocTargets = false

    @Option(help: "How long a dead worker's devices wait for a new owner (session.timeout.ms).")
    var sessionTimeout = TimeSpan(.seconds(45))

    @Option(help: "How long running tasks may go on when their devices move to another worker.")
    var drainTimeout = TimeSpan(.seconds(20))

    @Option(
        help:
            "at_least_once: results at once, and after a crash perhaps a second one, marked as such. exactly_once: in transactions, for readers with isolation.level=read_committed."
    )
    var results = WorkerConfiguration.ResultDelivery.atLeastOnce

    @Option(help: "How long a job's id is remembered: a job that repeats it is answered and not run.")
    var duplicateWindow = TimeSpan(.seconds(3600))

    @Option(help: "Devices that one job may come to; a larger one is rejected.")
    var maxTargets = 100_000

    @OptionGroup(title: "Sessions") var sessions: SessionOptions
    @OptionGroup(title: "Secrets") var secrets: SecretOptions
    @Option(
        help: ArgumentHelp(
            "Folder that jobs may read files from and write files to, and nothing outside of it. Without it, jobs that name files are refused.",
            valueName: "path"))
    var artifacts: String?

    @Option(help: ArgumentHelp("Serve /health/live and /health/ready here.", valueName: "host:port"))
    var health: String?

    func run() async throws {
        let logger = self.log.logger("tether.worker")
        self.raiseDescriptorLimit(logger)
        self.secrets.protectMemory(logger)
        let inventory = try Inventory(path: self.inventory)
        let devices = try DeviceClient(
            DeviceClient.Configuration(
                inventory: inventory,
                knownHostsFile: self.knownHosts,
                platformDirectory: self.platforms,
                idleTimeout: self.sessions.idleTimeout.duration,
                maximumAge: self.sessions.maxSessionAge.duration,
                logins: self.sessions.loginPolicy,
                maximumSessions: self.sessions.maxSessions
            ),
            logger: logger
        )
        let worker = try TetherWorker(
            WorkerConfiguration(
                kafka: try self.kafka.configuration(clientID: self.name),
                topics: self.kafka.topics,
                name: self.name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)",
                isStaticMember: self.name != nil,
                roles: try self.parsedRoles(),
                sessionTimeout: self.sessionTimeout.duration,
                drainTimeout: self.drainTimeout.duration,
                resultDelivery: self.results,
                duplicateWindow: self.duplicateWindow.duration,
                allowsAdHocTargets: self.allowAdHocTargets,
                maximumTargets: self.maxTargets,
                artifacts: self.artifacts,
                sealingKeys: try self.secrets.keys()
            ),
            devices: devices,
            logger: logger
        )
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        if let health {
            let (host, port) = try Self.hostAndPort(health)
            services.append(
                .init(service: HealthServer(host: host, port: port, logger: logger) { worker.status })
            )
        }
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
        try await group.run()
    }

    /// Each session needs a file descriptor; the usual soft limit is 1,024.
    private func raiseDescriptorLimit(_ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // Brokers, timers and files take some of their own.
        let needed = self.sessions.maxSessions + 200
        if limit.rlim_max < rlim_t(needed) {
            logger.warning(
                "fewer files may be open than --max-sessions needs: raise the hard limit (ulimit -Hn)",
                metadata: ["limit": "\(limit.rlim_max)", "needed": "\(needed)"])
        }
    }

    func validate() throws {
        guard let artifacts else { return }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: artifacts, isDirectory: &isFolder), isFolder.boolValue else {
            throw ValidationError("There is no folder \(artifacts) for --artifacts.")
        }
    }

    private func parsedRoles() throws -> Set<WorkerConfiguration.Role> {
        var roles: Set<WorkerConfiguration.Role> = []
        for name in self.roles.split(separator: ",") {
            guard let role = WorkerConfiguration.Role(rawValue: String(name)) else {
                throw ValidationError("There is no role \(name); the roles are route, execute and collect.")
            }
            roles.insert(role)
        }
        guard !roles.isEmpty else { throw ValidationError("A worker needs at least one role.") }
        return roles
    }

    static func hostAndPort(_ text: String) throws -> (String, Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw ValidationError("Expected host:port, found \(text).") }
        return (String(text[..<colon]).trimmingCharacters(in: ["[", "]"]), port)
    }
}

extension WorkerConfiguration.ResultDelivery: ExpressibleByArgument {}
