import Devices
import Kafka
import Worker

/// The metrics that are read from a worker's state when somebody asks.
struct WorkerFigures: Sendable {
    var status: WorkerStatus
    var lanes: [LaneStatus]
    var sessions: [SessionStatus.State: Int]
    var sessionLimit: Int
    var inventoryCount: Int
    var troubles: [DeviceTroubles.Trouble]
    var statistics: [(client: String, statistics: KafkaStatistics)]
    var health: HealthReport
    /// All sessions, where each device is to have series of its own.
    var devices: [SessionStatus]?
    var build: BuildVersion

    var families: [MetricFamily] {
        (self.tasks + self.sessionFamilies + self.memberships + self.kafka + self.judgement + self.deviceFamilies)
            .compactMap { $0 }
    }

    private var tasks: [MetricFamily?] {
        var families: [MetricFamily?] = []
        if let execution = self.status.execution {
            families += [
                .gauge("tether_tasks_taken_total", execution.takenTasks),
                .gauge("tether_tasks_finished_total", execution.finishedTasks),
                .gauge("tether_tasks_unfinished", execution.unfinishedTasks),
                .gauge("tether_tasks_waiting", self.lanes.reduce(0) { $0 + $1.waiting }),
                .gauge("tether_tasks_running", self.lanes.count { $0.running != nil }),
                .gauge("tether_lanes", self.lanes.count),
                .gauge("tether_lane_depth_max", self.lanes.lazy.map(\.waiting).max() ?? 0),
                .gauge(
                    "tether_running_task_age_max_seconds",
                    (self.lanes.lazy.compactMap { $0.running?.age }.max() ?? .zero).inSeconds),
                .gauge("tether_warm_devices", execution.warmDevices),
                .gauge("tether_partitions_paused", execution.windows.count(where: \.isPaused)),
                .gauge("tether_partition_window_span_max", execution.windows.lazy.map(\.span).max() ?? 0),
                .gauge("tether_partition_window_limit", execution.windowLimit),
                .gauge("tether_progress_age_seconds", execution.sinceProgress.inSeconds),
                .gauge("tether_commit_age_seconds", execution.sinceCommit.inSeconds),
                .gauge("tether_events_waiting", self.status.waitingEvents),
                .gauge("tether_events_dropped_total", self.status.droppedEvents),
            ]
        }
        if let collection = self.status.collection {
            families += [
                .gauge("tether_jobs_open", collection.openJobs),
                .gauge("tether_jobs_finished_total", collection.finishedJobs),
            ]
        }
        return families
    }

    private var sessionFamilies: [MetricFamily?] {
        [
            .gauge("tether_inventory_devices", self.inventoryCount),
            .gauges(
                "tether_sessions",
                SessionStatus.State.allCases.map { ([$0.rawValue], Double(self.sessions[$0] ?? 0)) }),
            .gauge("tether_sessions_limit", self.sessionLimit),
            .gauges(
                "tether_devices_failing",
                DeviceTroubles.Trouble.kinds.map { kind in
                    ([kind], Double(self.troubles.count { $0.kind == kind }))
                }),
        ]
    }

    private var memberships: [MetricFamily?] {
        [
            .gauges(
                "tether_partitions_assigned",
                self.status.memberships.map { ([$0.role.rawValue], Double($0.partitions)) })
        ]
    }

    private var kafka: [MetricFamily?] {
        var brokers: [String: [([String], Double)]] = [:]
        var clients: [String: [([String], Double)]] = [:]
        var lags: [([String], Double)] = []
        for (client, statistics) in self.statistics {
            for broker in statistics.brokers {
                let figures: [(String, Double)] = [
                    ("connected", broker.isConnected ? 1 : 0),
                    ("rtt_avg_seconds", broker.meanRoundTrip.inSeconds),
                    ("rtt_p99_seconds", broker.slowestRoundTrips.inSeconds),
                    ("requests_waiting", Double(broker.waitingRequests)),
                    ("requests_in_flight", Double(broker.requestsInFlight)),
                    ("errors_total", Double(broker.errors)),
                    ("retries_total", Double(broker.retries)),
                    ("timeouts_total", Double(broker.timeouts)),
                    ("disconnects_total", Double(broker.disconnects)),
                ]
                for (name, value) in figures {
                    brokers["tether_kafka_broker_\(name)", default: []].append(([client, String(broker.id)], value))
                }
            }
            var figures: [(String, Int)] = []
            if client.hasSuffix("consumer") {
                figures = [
                    ("messages_received_total", statistics.messagesReceived),
                    ("message_received_bytes_total", statistics.bytesReceived),
                ]
            } else {
                figures = [
                    ("messages_sent_total", statistics.messagesSent),
                    ("message_sent_bytes_total", statistics.bytesSent),
                    ("queue_messages", statistics.queuedMessages),
                    ("queue_bytes", statistics.queuedBytes),
                ]
            }
            for (name, value) in figures {
                clients["tether_kafka_\(name)", default: []].append(([client], Double(value)))
            }
            guard client.hasSuffix("consumer") else { continue }
            for partition in statistics.partitions {
                let name = partition.topicPartition
                lags.append(([name.topic, String(name.partition)], Double(partition.lag)))
            }
        }
        return brokers.merging(clients) { first, _ in first }.map { .gauges($0.key, $0.value) }
            + [.gauges("tether_consumer_lag_records", lags)]
    }

    private var judgement: [MetricFamily?] {
        [
            .gauge("tether_ready", self.health.isReady ? 1 : 0),
            .gauge("tether_stalled", self.health.isStalled ? 1 : 0),
            .gauges("tether_build_info", [([self.build.version, self.build.librdkafka], 1)]),
            .gauges(
                "tether_worker_info",
                [([self.status.name, self.status.roles.map(\.rawValue).joined(separator: ",")], 1)]),
        ]
    }

    private var deviceFamilies: [MetricFamily?] {
        guard let devices else { return [] }
        let named = devices.filter { !$0.isTemporary }
        return [
            .gauges(
                "tether_device_session_open",
                named.map { ([$0.device], $0.state == .idle || $0.state == .busy ? 1 : 0) }),
            .gauges("tether_device_tasks_waiting", self.lanes.map { ([$0.device], Double($0.waiting)) }),
        ]
    }
}

/// What is running.
package struct BuildVersion: Sendable, Hashable {
    package var version: String
    package var librdkafka: String

    package init(version: String) {
        self.version = version
        self.librdkafka = KafkaConfiguration.libraryVersion
    }
}

extension MetricFamily {
    private static let descriptions = Dictionary(
        MetricCatalogue.all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// One value without labels. `nil` for a name that the catalogue doesn't have, which a test rules out.
    static func gauge(_ name: String, _ value: some BinaryInteger) -> MetricFamily? { self.gauge(name, Double(value)) }

    static func gauge(_ name: String, _ value: Double) -> MetricFamily? { self.gauges(name, [([], value)]) }

    static func gauges(_ name: String, _ values: [([String], Double)]) -> MetricFamily? {
        self.descriptions[name].map { description in
            MetricFamily(description, values.map { Sample($0.0, .number($0.1)) })
        }
    }
}

extension Duration {
    var inSeconds: Double {
        Double(self.components.seconds) + Double(self.components.attoseconds) / 1e18
    }
}
