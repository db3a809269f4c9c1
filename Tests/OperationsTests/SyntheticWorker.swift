import Devices
import Foundation
import Jobs
import Kafka
import NIOConcurrencyHelpers
import Worker

@testable import Kafka
@testable import Operations

/// A worker that isn't there: what it tells is made up, of the types that a real one answers with.
final class SyntheticWorker: OperationsSource {
    struct State: Sendable {
        var status: WorkerStatus
        var lanes: [LaneStatus] = []
        var sessions: [SessionStatus] = []
        var failures: [RecentFailures.Failure] = []
        var inventoryCount = 0
        var troubles: [DeviceTroubles.Trouble] = []
        var failureCounts: [Outcome: Int] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let stuck = NIOLockedValueBox<(isStuck: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    /// - Parameter devices: with sessions of all states, some of them with work, some of it failed.
    init(devices count: Int) {
        let partitions = count == 0 ? [] : (0..<8).map { TopicPartition("tether.tasks", Int32($0)) }
        var state = State(
            status: WorkerStatus(
                name: "worker-1",
                roles: [.collect, .execute, .route],
                memberships: [WorkerConfiguration.Role.collect, .execute, .route].map {
                    .init(
                        role: $0, hasJoined: true, partitions: $0 == .execute ? partitions.count : 2,
                        sinceTurn: .milliseconds(80), sinceAnswer: .milliseconds(100), isReachable: true)
                },
                execution: .init(
                    partitions: partitions, unfinishedTasks: count / 4, takenTasks: count * 12,
                    finishedTasks: count * 11,
                    warmDevices: count / 2, sinceProgress: .milliseconds(30),
                    windows: partitions.map {
                        .init(
                            partition: $0.partition, base: 812_345 + Int64($0.partition) * 977,
                            span: $0.partition == 3 && count > 1_000 ? 7_192 : count / 20,
                            unfinished: count / 40, isPaused: $0.partition == 3 && count > 1_000, isDraining: false)
                    },
                    windowLimit: 7_192, unacknowledged: 0, hasUncommitted: true, sinceCommit: .milliseconds(40)),
                routedJobs: count * 3,
                collection: .init(partitions: [], openJobs: count / 100, finishedJobs: count),
                openSessions: count),
            inventoryCount: count
        )
        let sites = ["ams", "fra", "lon", "nyc", "sin", "syd"]
        let roles = ["access", "core", "edge", "agg"]
        for index in 0..<count {
            let site = sites[index % sites.count]
            let name = "\(site)-\(roles[index / 6 % roles.count])-\(String(format: "%05d", index))"
            let session: SessionStatus.State =
                switch index % 97 {
                case 13: .opening
                case 41: .closing
                case 77: .waiting
                default: index % 5 == 0 ? .busy : .idle
                }
            state.sessions.append(
                SessionStatus(
                    device: name, state: session, id: "s\(index)", age: .seconds(17 + index * 7 % 90_000),
                    isWarm: index % 3 == 0))
            if index % 5 == 0 {
                state.lanes.append(
                    LaneStatus(
                        device: name, waiting: index % 45 == 0 ? 12 + index % 7 : index % 2,
                        running: .init(
                            job: "nightly-2026-11-\(10 + index % 20)", operation: index % 4 == 0 ? "configure" : "run",
                            age: .milliseconds(300 + index * 37 % 64_000), left: .seconds(120))))
            }
            if index % 50 == 7, state.failures.count < 200 {
                state.failures.append(
                    RecentFailures.Failure(
                        time: 1_795_000_000_000 - Int64(index) * 1_250, job: "nightly-2026-11-22", device: name,
                        operation: "run", outcome: index % 100 == 7 ? Outcome.failed : Outcome.expired,
                        code: index % 100 == 7 ? "command.rejected" : "deadline.exceeded",
                        message: index % 100 == 7
                            ? "\(name): % Invalid input detected at '^' marker."
                            : "the deadline passed while the task waited for the device; nothing was sent"))
            }
        }
        self.state = NIOLockedValueBox(state)
    }

    var synthetic: State { self.state.withLockedValue { $0 } }
    func change(_ body: (inout State) -> Void) { self.state.withLockedValue { body(&$0) } }

    var status: WorkerStatus { self.synthetic.status }
    func lanes() async -> [LaneStatus] {
        await withCheckedContinuation { continuation in
            let isStuck = self.stuck.withLockedValue { stuck in
                if stuck.isStuck { stuck.waiters.append(continuation) }
                return stuck.isStuck
            }
            if !isStuck { continuation.resume() }
        }
        return self.synthetic.lanes
    }

    /// As an event loop that doesn't turn: who asks for lanes waits until it is freed.
    func setStuck(_ isStuck: Bool) {
        let waiters = self.stuck.withLockedValue { stuck in
            defer { stuck = (isStuck, []) }
            return stuck.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
    var sessions: [SessionStatus] { self.synthetic.sessions }
    var sessionCounts: [SessionStatus.State: Int] {
        self.synthetic.sessions.reduce(into: [:]) { $0[$1.state, default: 0] += 1 }
    }
    var sessionLimit: Int { 10_000 }
    var uptime: Duration { .seconds(7_290) }
    var troubles: [DeviceTroubles.Trouble] { self.synthetic.troubles }
    var failureCounts: [Outcome: Int] { self.synthetic.failureCounts }
    var lag: (jobs: Int64?, tasks: [Int32: Int64]) {
        (0, Dictionary(uniqueKeysWithValues: (self.status.execution?.windows ?? []).map { ($0.partition, 4) }))
    }
    var inventoryCount: Int { self.synthetic.inventoryCount }
    var failures: [RecentFailures.Failure] { self.synthetic.failures }

    /// As librdkafka writes them, cut to what is read.
    var kafkaStatistics: [(client: String, statistics: KafkaStatistics)] {
        let text = #"""
            {"name":"rdkafka#consumer-1","msg_cnt":3,"msg_size":900,"txmsgs":12,"txmsg_bytes":3400,"rxmsgs":55,"rxmsg_bytes":7000,
             "brokers":{
              "b:9092/bootstrap":{"nodeid":-1,"state":"UP","source":"configured"},
              "GroupCoordinator":{"nodeid":1,"state":"UP","source":"logical"},
              "b:9092/1":{"nodeid":1,"state":"UP","source":"learned","outbuf_cnt":1,"waitresp_cnt":2,"txerrs":1,"rxerrs":2,"txretries":4,
               "req_timeouts":5,"disconnects":6,"rtt":{"avg":1500,"p99":9000}}},
             "topics":{"tether.tasks":{"topic":"tether.tasks","partitions":{
              "0":{"partition":0,"fetch_state":"active","ls_offset":100,"next_offset":90,"fetchq_cnt":4},
              "1":{"partition":1,"fetch_state":"none","ls_offset":100,"next_offset":-1001,"fetchq_cnt":0},
              "-1":{"partition":-1}}}}}
            """#
        let statistics = KafkaStatistics(json: Array(text.utf8))
        return ["execute_consumer", "execute_producer"].compactMap { name in statistics.map { (name, $0) } }
    }
}
