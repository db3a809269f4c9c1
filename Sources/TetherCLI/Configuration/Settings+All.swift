import Devices
import Kafka
import Logging
import Operations
import Worker

/// Every setting there is. Defaults are those of the types that the settings are for, so that there is one place for each.
extension Settings {
    // MARK: Kafka

    static let kafkaServers = Setting<[String]>.list(
        "kafka.servers", option: "--kafka", "Bootstrap servers, host:port, separated by commas.")
    static let topicPrefix = Setting<String>.text(
        "kafka.topic_prefix", option: "--topic-prefix", default: TopicNames().prefix,
        "Prefix of Tether's own topics and consumer groups.")

    static let tlsEnabled = Setting<Bool>.flag(
        "kafka.tls.enabled", default: false, "Talk to the brokers over TLS. So does every other setting of kafka.tls.")
    static let tlsAuthorities = Setting<String>.path(
        "kafka.tls.ca",
        "PEM file of the authorities that brokers' certificates may come from; without it, the system's.")
    static let tlsCertificate = Setting<String>.path(
        "kafka.tls.certificate", "PEM file of this client's own certificate, for brokers that ask for one.")
    static let tlsKey = Setting<String>.path("kafka.tls.key", "PEM file of that certificate's key.")
    static let tlsKeyPassword = Setting<String>.secret("kafka.tls.key_password", "Password of the key.")
    static let tlsVerify = Setting<Bool>.flag(
        "kafka.tls.verify", default: true,
        "Check brokers' certificates and names. Without that, anybody on the way can be the broker.")
    static let saslMechanism = Setting<KafkaSecurity.SASL.Mechanism>.choice(
        "kafka.sasl.mechanism", "How to log in to the brokers.")
    static let saslUsername = Setting<String>.text("kafka.sasl.username", "User, for PLAIN and SCRAM.")
    static let saslPassword = Setting<String>.secret("kafka.sasl.password", "Password, for PLAIN and SCRAM.")
    static let saslTokenFile = Setting<String>.path(
        "kafka.sasl.token_file", "File with a bearer token, for OAUTHBEARER. Read again before the token expires.")
    static let saslTokenProgram = Setting<[String]>.list(
        "kafka.sasl.token_program",
        "Program that prints a bearer token, and its arguments, for OAUTHBEARER. Run again before the token expires.")

    // MARK: Files

    static let inventory = Setting<String>.path(
        "inventory", option: "--inventory",
        "Inventory file or directory (YAML, CSV). Read again when it changes, and on SIGHUP.")
    static let knownHosts = Setting<String>.path(
        "known_hosts", option: "--known-hosts",
        "known_hosts file to check host keys against and learn new ones into. Without it, what is learned is forgotten at the end."
    )
    static let platforms = Setting<String>.path(
        "platforms", option: "--platforms", "Directory with platform definitions of your own.")
    static let policy = Setting<String>.path(
        "policy", option: "--policy",
        "Policy file (YAML): what jobs may do, by the topic that they come from. Read again on SIGHUP.")

    // MARK: Log, health, metrics, traces

    static let logLevel = Setting<Logger.Level>.choice(
        "log.level", option: "--log-level", default: .info,
        "trace, debug, info, notice, warning, error or critical.")
    static let logFormat = Setting<LogFormat>.choice(
        "log.format", option: "--log-format", default: .text,
        "How the log looks: text, or json for one JSON object a line.")
    static let listen = Setting<String>.text(
        "operations.listen", option: "--listen",
        "Serve /health/live, /health/ready, /metrics and the page /status here. A port alone: for this machine only.")
    static let statusTokenFile = Setting<String>.path(
        "operations.status_token_file", option: "--status-token-file",
        "File with the token that /status asks for, as a bearer token or as a password. Needed where others can reach the page."
    )
    static let metricsDeviceLabels = Setting<Bool>.flag(
        "operations.metrics_device_labels", option: "--metrics-device-labels", default: false,
        "Give each device metrics of its own. With thousands of devices that is much for Prometheus to keep.")
    static let otlpEndpoint = Setting<String>.text(
        "operations.otlp_endpoint", option: "--otlp-endpoint",
        "Send traces to this OpenTelemetry collector (OTLP over HTTP, in JSON), as http://host:4318. Without it, $OTEL_EXPORTER_OTLP_ENDPOINT. Headers for it: $OTEL_EXPORTER_OTLP_HEADERS."
    )

    // MARK: The worker

    private static let defaults = WorkerConfiguration(kafka: KafkaConfiguration(bootstrapServers: ""), name: "")

    static let name = Setting<String>.text(
        "worker.name", option: "--name",
        "Name of this worker: stands in every result, and makes it a static member of the consumer groups, so that a restart moves nothing. Unique in the fleet."
    )
    static let roles = Setting<[String]>.list(
        "worker.roles", option: "--roles", default: WorkerConfiguration.Role.allCases.map(\.rawValue),
        "What this worker does: route, execute, collect, separated by commas.")
    static let allowAdHocTargets = Setting<Bool>.flag(
        "worker.allow_ad_hoc_targets", option: "--allow-ad-hoc-targets", default: Self.defaults.allowsAdHocTargets,
        "Take jobs for user@host:port targets that are not in the inventory. With a policy, its rules have to allow them besides."
    )
    static let replyTopics = Setting<[String]>.list(
        "worker.reply_topics", option: "--reply-topics", default: Self.defaults.replyTopics.map(\.description),
        "Topics, or glob patterns of them, that jobs may name for their replies, besides Tether's own result topic; where the policy has a list, that one holds."
    )
    static let urlNetworks = Setting<[String]>.list(
        "worker.url_networks", option: "--url-networks", default: Self.defaults.urlNetworks.map(\.description),
        "Networks such as 10.20.0.0/16 that files may be fetched from and written to although they aren't public; where there is a policy, its list holds."
    )
    static let artifacts = Setting<String>.path(
        "worker.artifacts", option: "--artifacts",
        "Folder that jobs may read files from and write files to, and nothing outside of it. Without it, jobs that name files are refused."
    )
    static let sealingKeys = Setting<String>.path(
        "worker.sealing_keys", option: "--sealing-keys",
        "Folder with the private keys that open sealed credentials in jobs (`tether keys generate`). Keys may be added while the worker runs."
    )
    static let allowCoreDumps = Setting<Bool>.flag(
        "worker.allow_core_dumps", option: "--allow-core-dumps", default: false,
        "Let the system write the worker's memory to disk when it crashes. That memory holds the secrets of devices; without this no core file is written."
    )
    static let sessionTimeout = Setting<Duration>.duration(
        "worker.session_timeout", option: "--session-timeout", default: Self.defaults.sessionTimeout,
        "How long a dead worker's devices wait for a new owner (session.timeout.ms).")
    static let drainTimeout = Setting<Duration>.duration(
        "worker.drain_timeout", option: "--drain-timeout", default: Self.defaults.drainTimeout,
        "How long running tasks may go on when their devices move to another worker.")
    static let results = Setting<WorkerConfiguration.ResultDelivery>.choice(
        "worker.results", option: "--results", default: Self.defaults.resultDelivery,
        "at_least_once: results at once, and after a crash perhaps a second one, marked as such. exactly_once: in transactions, for readers with isolation.level=read_committed."
    )
    static let duplicateWindow = Setting<Duration>.duration(
        "worker.duplicate_window", option: "--duplicate-window", default: Self.defaults.duplicateWindow,
        "How long a job's id is remembered: a job that repeats it is answered and not run.")
    static let maximumRememberedJobs = Setting<Int>.number(
        "worker.max_remembered_jobs", default: Self.defaults.maximumRememberedJobs, in: 0...100_000_000,
        "Job ids that are remembered at most.")
    static let maximumTargets = Setting<Int>.number(
        "worker.max_targets", option: "--max-targets", default: Self.defaults.maximumTargets, in: 1...10_000_000,
        "Devices that one job may come to; a larger one is rejected.")
    static let maximumFanOut = Setting<Int>.bytes(
        "worker.max_fan_out", default: Self.defaults.maximumFanOutBytes,
        "Bytes of task records that one job may come to; a larger one is rejected.")
    static let defaultDeadline = Setting<Duration>.duration(
        "worker.default_deadline", option: "--default-deadline", default: Self.defaults.defaultDeadline,
        "Deadline of jobs that name none.")
    static let maximumDeadline = Setting<Duration>.duration(
        "worker.max_deadline", option: "--max-deadline", default: Self.defaults.maximumDeadline,
        "No job's deadline is further away. The same for all workers: cancellations are remembered for as long.")
    static let collectionGrace = Setting<Duration>.duration(
        "worker.collection_grace", default: Self.defaults.collectionGrace,
        "How long after its deadline a job is finished some of whose tasks nobody has reported.")
    static let window = Setting<Int>.number(
        "worker.window", default: Self.defaults.window, in: 2_000...Self.defaults.window,
        "Offsets between the lowest unfinished task of a partition and the last one taken; past it the partition is paused."
    )
    static let commitInterval = Setting<Duration>.duration(
        "worker.commit_interval", default: Self.defaults.commitInterval,
        "Finished tasks are committed at most this often.")
    static let inlineOutput = Setting<Int>.bytes(
        "worker.inline_output", default: Self.defaults.inlineOutputLimit,
        "Output up to this size stands in the result; more goes out as output records.")
    static let maximumFile = Setting<Int>.bytes(
        "worker.max_file", default: Int(Self.defaults.maximumFileBytes),
        "Bytes of one file that is fetched from an address.")
    static let maximumInlineFile = Setting<Int>.bytes(
        "worker.max_inline_file", default: Int(Self.defaults.maximumInlineFileBytes),
        "Bytes of one file that is sent in output records.")

    // MARK: Sessions

    static let idleTimeout = Setting<Duration?>.durationOrNever(
        "sessions.idle_timeout", option: "--idle-timeout", default: .seconds(3_600),
        "Close sessions that nobody has used for so long; never those of `warm` devices.")
    static let maximumAge = Setting<Duration?>.durationOrNever(
        "sessions.max_age", option: "--max-session-age", default: .seconds(24 * 3_600),
        "Close sessions that have been open for so long as soon as nothing runs on them, by chance up to a tenth earlier; `warm` ones are then opened anew."
    )
    static let maximumSessions = Setting<Int>.number(
        "sessions.max", option: "--max-sessions", default: 10_000, in: 1...1_000_000,
        "Open sessions at most; past it the one unused for longest is closed. Each takes a file descriptor and about 52 KB."
    )
    static let maximumLogins = Setting<Int>.number(
        "sessions.max_logins", option: "--max-logins", default: LoginPolicy().maximumLogins, in: 1...1_000_000,
        "Logins under way at a time in this worker. Bounds for one authentication service stand in the inventory: `auth_domains`."
    )
    static let refusalsToLock = Setting<Int>.number(
        "sessions.refusals_to_lock", option: "--refusals-to-lock", default: LoginPolicy().refusalsToLock,
        in: 1...1_000_000,
        "Refusals of a credential in a row after which it isn't tried for a while: fewer than lock the account on the authentication server."
    )
    static let lockPause = Setting<Duration>.duration(
        "sessions.lock_pause", option: "--lock-pause", default: LoginPolicy().lockPause,
        "For how long a refused credential isn't tried.")

    /// In the order of the file.
    static let all: [AnySetting] = [
        kafkaServers.any, topicPrefix.any, tlsEnabled.any, tlsAuthorities.any, tlsCertificate.any, tlsKey.any,
        tlsKeyPassword.any, tlsVerify.any, saslMechanism.any, saslUsername.any, saslPassword.any, saslTokenFile.any,
        saslTokenProgram.any,
        inventory.any, knownHosts.any, platforms.any, policy.any, logLevel.any, logFormat.any,
        listen.any, statusTokenFile.any, metricsDeviceLabels.any, otlpEndpoint.any,
        name.any, roles.any, allowAdHocTargets.any, replyTopics.any, urlNetworks.any, artifacts.any, sealingKeys.any,
        allowCoreDumps.any, sessionTimeout.any,
        drainTimeout.any, results.any, duplicateWindow.any, maximumRememberedJobs.any, maximumTargets.any,
        maximumFanOut.any, defaultDeadline.any, maximumDeadline.any, collectionGrace.any, window.any,
        commitInterval.any,
        inlineOutput.any, maximumFile.any, maximumInlineFile.any,
        idleTimeout.any, maximumAge.any, maximumSessions.any, maximumLogins.any, refusalsToLock.any, lockPause.any,
    ]
}
