/// Every metric that a worker serves. Dashboards and alert rules are checked against this list.
package enum MetricCatalogue {
    package static let all: [MetricDescription] =
        Self.jobs + Self.tasks + Self.sessions + Self.kafka + Self.health + Self.process + Self.tracing + Self.devices

    /// From a quarter of a millisecond (an answer over an open session) to ten minutes.
    private static let latencies: [Double] = [
        0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120,
        300, 600,
    ]
    private static let logins: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120,
    ]
    /// An authentication domain that takes ten logins a second keeps some of a thousand devices waiting for minutes.
    private static let turns = Self.logins + [300, 600, 1_800]
    private static let delays: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]

    private static let jobs = [
        MetricDescription(
            "tether_jobs_routed_total", .counter,
            "Job records routed, by result: accepted, duplicate (answered, not run again), refused (dead letters).",
            labels: ["result"]),
        MetricDescription("tether_tasks_routed_total", .counter, "Tasks written to the task topic."),
        MetricDescription(
            "tether_replies_published_total", .counter,
            "Replies that Kafka has acknowledged, by type: accepted, rejected, output, result, finished.",
            labels: ["type"]),
        MetricDescription(
            "tether_replies_failed_total", .counter,
            "Attempts to publish a reply that Kafka has refused or not acknowledged in time."),
        MetricDescription("tether_dead_letters_total", .counter, "Records written to the dead letters."),
        MetricDescription("tether_jobs_open", .gauge, "Jobs whose results the collector is counting."),
        MetricDescription("tether_jobs_finished_total", .counter, "Jobs whose finished reply is written."),
    ]

    private static let tasks = [
        MetricDescription("tether_tasks_taken_total", .counter, "Tasks taken from the task topic."),
        MetricDescription(
            "tether_tasks_ended_total", .counter, "Tasks that ended with a result, by operation and outcome.",
            labels: ["operation", "outcome"]),
        MetricDescription(
            "tether_tasks_finished_total", .counter, "Tasks whose result Kafka has acknowledged: they may be committed."
        ),
        MetricDescription(
            "tether_tasks_forwarded_total", .counter, "Tasks put on another partition, where their device belongs."),
        MetricDescription(
            "tether_task_retries_total", .counter, "Attempts after a task's first one."),
        MetricDescription(
            "tether_task_queued_seconds", .histogram,
            "From a job record's timestamp to the moment when a task of it was taken by its worker.",
            buckets: Self.latencies),
        MetricDescription(
            "tether_task_waited_seconds", .histogram,
            "From taking a task to its first command: the wait for the device and its session.",
            buckets: Self.latencies),
        MetricDescription(
            "tether_task_executed_seconds", .histogram, "From a task's first command to its end.",
            buckets: Self.latencies),
        MetricDescription(
            "tether_command_duration_seconds", .histogram,
            "From a command to the end of the device's answer, by outcome: succeeded, failed, unknown.",
            labels: ["outcome"], buckets: Self.latencies),
        MetricDescription("tether_tasks_unfinished", .gauge, "Tasks taken whose results are not acknowledged."),
        MetricDescription("tether_tasks_waiting", .gauge, "Tasks that wait for their device's lane."),
        MetricDescription("tether_tasks_running", .gauge, "Tasks that run."),
        MetricDescription("tether_lanes", .gauge, "Devices with a task that waits or runs."),
        MetricDescription("tether_lane_depth_max", .gauge, "Tasks that wait in the longest lane."),
        MetricDescription(
            "tether_running_task_age_max_seconds", .gauge, "Age of the task that has been running for longest."),
    ]

    private static let sessions = [
        MetricDescription("tether_inventory_devices", .gauge, "Devices in this worker's inventory."),
        MetricDescription(
            "tether_inventory_reads_total", .counter,
            "How often an inventory that had changed was read, by result: changed (in use), refused (the one before stays in use).",
            labels: ["result"]),
        MetricDescription(
            "tether_sessions", .gauge,
            "Sessions by state: waiting (for room), opening, idle, busy, closing.", labels: ["state"]),
        MetricDescription("tether_sessions_limit", .gauge, "Sessions that may be open at most."),
        MetricDescription(
            "tether_devices_failing", .gauge,
            "Devices whose last login failed, by reason: auth (refused credentials), host_key, unreachable, handshake, dialogue (no prompt), paused and locked (never tried), other.",
            labels: ["reason"]),
        MetricDescription("tether_warm_devices", .gauge, "Devices whose sessions are kept open."),
        MetricDescription(
            "tether_logins_total", .counter,
            "Logins by outcome: succeeded, auth (refused credentials), host_key, unreachable, handshake, dialogue (no prompt), paused (not tried), locked (not tried), cancelled, other.",
            labels: ["outcome"]),
        MetricDescription(
            "tether_login_duration_seconds", .histogram,
            "From the first packet to the first prompt: connection, SSH handshake, authentication, sign-on. Successful logins only.",
            buckets: Self.logins),
        MetricDescription(
            "tether_ssh_handshake_duration_seconds", .histogram,
            "From the first packet to the end of authentication. Successful ones only.", buckets: Self.logins),
        MetricDescription(
            "tether_login_waited_seconds", .histogram,
            "How long logins were held back by the bounds on concurrent logins and their rate.", buckets: Self.turns),
        MetricDescription(
            "tether_device_events_total", .counter,
            "What happened to sessions and devices, by event: session.opened, session.closed, session.lost, device.unreachable, device.recovered, hostkey.changed, credential.locked.",
            labels: ["event"]),
        MetricDescription("tether_events_waiting", .gauge, "Events that wait for Kafka."),
        MetricDescription("tether_events_dropped_total", .counter, "Events that were never written to Kafka."),
    ]

    private static let kafka = [
        MetricDescription(
            "tether_partitions_assigned", .gauge,
            "Partitions assigned to this worker, by role: route, execute, collect.",
            labels: ["role"]),
        MetricDescription("tether_partitions_paused", .gauge, "Task partitions paused because their window is full."),
        MetricDescription(
            "tether_partition_window_span_max", .gauge,
            "Offsets between the lowest unfinished task and the last one taken, in the partition where they are most."),
        MetricDescription(
            "tether_partition_window_limit", .gauge, "The span past which a partition is paused."),
        MetricDescription(
            "tether_rebalances_total", .counter,
            "Rebalances by role and kind: assigned, revoked, lost.", labels: ["role", "kind"]),
        MetricDescription(
            "tether_drain_duration_seconds", .histogram,
            "How long giving partitions up took: running tasks end, results are published, sessions closed.",
            buckets: Self.latencies),
        MetricDescription(
            "tether_commit_duration_seconds", .histogram,
            "From asking for a commit of task offsets to its acknowledgement.", buckets: Self.latencies),
        MetricDescription("tether_commit_failures_total", .counter, "Commits of task offsets that failed."),
        MetricDescription(
            "tether_consumer_lag_records", .gauge,
            "Records of an assigned partition that this worker has not taken yet, by topic and partition.",
            labels: ["topic", "partition"]),
        MetricDescription(
            "tether_kafka_errors_total", .counter,
            "Problems that consumers have reported and live with, by role.", labels: ["role"]),
        MetricDescription(
            "tether_kafka_broker_connected", .gauge,
            "1 while a client's connection to a broker is up, by client (route_consumer, execute_producer, ...) and broker id.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_rtt_avg_seconds", .gauge, "Mean round trip to a broker in the last interval.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_rtt_p99_seconds", .gauge,
            "99th percentile of the round trips to a broker in the last interval.", labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_requests_waiting", .gauge, "Requests that wait to be sent to a broker.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_requests_in_flight", .gauge, "Requests that wait for a broker's answer.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_errors_total", .counter, "Requests and answers that failed in transmission.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_retries_total", .counter, "Requests that were sent again.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_timeouts_total", .counter, "Requests that got no answer in time.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_broker_disconnects_total", .counter, "Connections to a broker that ended.",
            labels: ["client", "broker"]),
        MetricDescription(
            "tether_kafka_messages_sent_total", .counter, "Records sent to brokers.", labels: ["client"]),
        MetricDescription(
            "tether_kafka_messages_received_total", .counter, "Records received from brokers.", labels: ["client"]),
        MetricDescription(
            "tether_kafka_message_sent_bytes_total", .counter, "Bytes of the records sent.", labels: ["client"]),
        MetricDescription(
            "tether_kafka_message_received_bytes_total", .counter, "Bytes of the records received.", labels: ["client"]),
        MetricDescription(
            "tether_kafka_queue_messages", .gauge, "Records in a producer's queue.", labels: ["client"]),
        MetricDescription("tether_kafka_queue_bytes", .gauge, "Bytes in a producer's queue.", labels: ["client"]),
    ]

    private static let health = [
        MetricDescription("tether_ready", .gauge, "1 while /health/ready says ready."),
        MetricDescription("tether_stalled", .gauge, "1 while work waits and nothing moves."),
        MetricDescription(
            "tether_progress_age_seconds", .gauge,
            "Since a task was last finished, or task partitions were assigned."),
        MetricDescription(
            "tether_commit_age_seconds", .gauge, "Since a commit of task offsets was last acknowledged."),
        MetricDescription(
            "tether_event_loop_delay_seconds", .histogram,
            "How late event loops run what is handed to them, asked once a second.", buckets: Self.delays),
        MetricDescription(
            "tether_build_info", .gauge, "1, with the versions of this build and its libraries as labels.",
            labels: ["version", "librdkafka"]),
        MetricDescription(
            "tether_worker_info", .gauge, "1, with the worker's name and roles as labels.", labels: ["worker", "roles"]),
        MetricDescription("tether_status_clients", .gauge, "Browsers that follow the status page."),
    ]

    /// The names that every Prometheus client library gives to what it knows of its process ("Writing client libraries", Process metrics).
    private static let process = [
        MetricDescription("process_cpu_seconds_total", .counter, "User and system CPU time in seconds."),
        MetricDescription("process_resident_memory_bytes", .gauge, "Resident memory size in bytes."),
        MetricDescription("process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes."),
        MetricDescription("process_open_fds", .gauge, "Number of open file descriptors."),
        MetricDescription("process_max_fds", .gauge, "Maximum number of open file descriptors."),
        MetricDescription("process_threads", .gauge, "Number of threads."),
        MetricDescription(
            "process_start_time_seconds", .gauge, "Start time of the process since 1970 in seconds."),
    ]

    private static let tracing = [
        MetricDescription("tether_spans_exported_total", .counter, "Spans that the collector has taken."),
        MetricDescription(
            "tether_spans_dropped_total", .counter,
            "Spans that were given up: the queue was full, or the collector did not take them."),
    ]

    /// Only with `--metrics-device-labels`: a series for each device of the worker.
    private static let devices = [
        MetricDescription(
            "tether_device_session_open", .gauge, "1 while a device's session is open.", labels: ["device"]),
        MetricDescription(
            "tether_device_tasks_waiting", .gauge, "Tasks that wait for a device.", labels: ["device"]),
    ]
}
