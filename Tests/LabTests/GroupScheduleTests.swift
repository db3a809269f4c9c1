import NIOCore
import Testing

@testable import Lab

/// Consumers as librdkafka's are, on a network that loses answers, in random schedules.
private struct Fleet {
    /// One process; a static one comes back under its name.
    struct Consumer {
        enum Phase: Equatable {
            case dead
            case joining(RequestID)
            case syncing(RequestID)
            case member
        }
        let instance: String?
        var phase = Phase.dead
        var memberID = ""
        var generation: Int32 = -1
        var owned: Set<UInt8> = []
        /// Raised by what others in the group need to know.
        var news: UInt8 = 0
        /// Stopped, or cut off: it neither asks nor hears. What it believes to own may be another's until it is heard of again.
        var isFrozen = false
        var isSure = true
        var takesIDFirst: Bool { instance == nil }
    }

    static let partitions: Set<UInt8> = [0, 1, 2, 3, 4, 5, 6]
    var stage = GroupStage()
    var consumers: [Consumer]
    /// By generation: who was given each partition.
    var given: [Int32: [UInt8: String]] = [:]
    var violations: [String] = []

    init() {
        consumers = ["a", "b", "c", "d", nil, nil, nil].map { Consumer(instance: $0) }
    }

    private mutating func join(_ index: Int) {
        consumers[index].owned = []
        let consumer = consumers[index]
        consumers[index].phase = .joining(
            stage.join(
                consumer.memberID, instance: consumer.instance, metadata: [consumer.news],
                takesIDFirst: consumer.takesIDFirst))
    }

    mutating func start(_ index: Int) {
        guard consumers[index].phase == .dead else { return }
        consumers[index] = Consumer(instance: consumers[index].instance)
        join(index)
    }

    mutating func kill(_ index: Int) { consumers[index] = Consumer(instance: consumers[index].instance) }

    mutating func leave(_ index: Int) {
        let consumer = consumers[index]
        guard consumer.phase != .dead, !consumer.isFrozen, !consumer.memberID.isEmpty else { return }
        consumers[index].owned = []
        _ = stage.leave(consumer.memberID, instance: consumer.instance)
        kill(index)
    }

    /// Whether it goes on; a consumer that can't hear asks again.
    mutating func loseConnection(_ index: Int) {
        guard !consumers[index].isFrozen else { return }
        switch consumers[index].phase {
        case .joining, .syncing: join(index)
        case .dead, .member: break
        }
    }

    mutating func thaw(_ index: Int) {
        guard consumers[index].isFrozen else { return }
        consumers[index].isFrozen = false
        consumers[index].isSure = false
    }

    mutating func heartbeat(_ index: Int) {
        let consumer = consumers[index]
        guard consumer.phase == .member, !consumer.isFrozen else { return }
        let error = stage.heartbeat(consumer.memberID, instance: consumer.instance, generation: consumer.generation)
        let group = stage.coordinator["g"]
        if error == GroupError.noError,
            group?.state != .stable && group?.state != .completingRebalance
                || group?.generation != consumer.generation
        {
            violations.append("\(consumer.memberID) wasn't told of a rebalance")
        }
        switch error {
        case .noError: consumers[index].isSure = true
        case .rebalanceInProgress, .illegalGeneration: join(index)
        case .unknownMember:
            consumers[index].memberID = ""
            join(index)
        default: kill(index)
        }
    }

    /// Whoever is awake reads, and is heard of in time.
    mutating func pass(_ time: TimeAmount) {
        listen()
        _ = stage.pass(time)
        for index in consumers.indices { heartbeat(index) }
        listen()
    }

    /// Everybody who listens takes what has been answered.
    mutating func listen() {
        for index in consumers.indices where !consumers[index].isFrozen {
            switch consumers[index].phase {
            case .joining(let request):
                guard let answer = stage.joined(request) else { continue }
                joined(index, answer)
            case .syncing(let request):
                guard let answer = stage.synced(request) else { continue }
                synced(index, answer)
            case .dead, .member: break
            }
        }
        check()
    }

    private mutating func joined(_ index: Int, _ answer: JoinAnswer) {
        switch answer.error {
        case .noError:
            consumers[index].memberID = answer.memberID
            consumers[index].generation = answer.generation
            var shares: [String: [UInt8]] = [:]
            if answer.leader == answer.memberID {
                let names = answer.members.map(\.name.id)
                for partition in Self.partitions {
                    shares[names[Int(partition) % names.count], default: []].append(partition)
                }
            }
            consumers[index].phase = .syncing(
                stage.sync(
                    answer.memberID, instance: consumers[index].instance, generation: answer.generation, shares))
        case .memberIDRequired:
            consumers[index].memberID = answer.memberID
            join(index)
        case .unknownMember:
            consumers[index].memberID = ""
            join(index)
        default: kill(index)
        }
    }

    private mutating func synced(_ index: Int, _ answer: SyncAnswer) {
        switch answer.error {
        case .noError:
            consumers[index].phase = .member
            consumers[index].owned = Set(answer.assignment)
            let owner = consumers[index].instance ?? consumers[index].memberID
            for partition in answer.assignment {
                let before = given[consumers[index].generation]?[partition]
                if let before, before != owner {
                    violations.append("\(partition) was given to \(before) and \(owner)")
                }
                given[consumers[index].generation, default: [:]][partition] = owner
            }
        case .rebalanceInProgress, .illegalGeneration: join(index)
        case .unknownMember:
            consumers[index].memberID = ""
            join(index)
        default: kill(index)
        }
    }

    /// Of those that are awake and have been heard of since, no two own the same.
    private mutating func check() {
        var owners: [UInt8: Int] = [:]
        for (index, consumer) in consumers.enumerated() where !consumer.isFrozen && consumer.isSure {
            for partition in consumer.owned {
                if let other = owners[partition] { violations.append("\(partition) has owners \(other) and \(index)") }
                owners[partition] = index
            }
        }
    }

    var isSettled: Bool {
        let alive = consumers.filter { $0.phase != .dead }
        return alive.allSatisfy { $0.phase == .member } && alive.flatMap(\.owned).count == Self.partitions.count
            && stage.coordinator["g"]?.state == .stable
    }
}

@Suite("Random schedules of consumer groups")
struct GroupScheduleTests {
    @Test("no partition has two owners, nobody misses a rebalance, and no group stays unassigned")
    func schedules() {
        let first = UInt64.random(in: .min ... .max)
        for seed in (0..<300).map({ first &+ $0 }) {
            var random = SplitMix(seed: seed)
            var fleet = Fleet()
            for _ in 0..<200 {
                let index = Int.random(in: fleet.consumers.indices, using: &random)
                switch Int.random(in: 0..<100, using: &random) {
                case 0..<12: fleet.start(index)
                case 12..<16: fleet.kill(index)
                case 16..<18: fleet.leave(index)
                case 18..<24: fleet.consumers[index].isFrozen = true
                case 24..<32: fleet.thaw(index)
                case 32..<40: fleet.loseConnection(index)
                case 40..<43:
                    fleet.consumers[index].news &+= 1
                    if fleet.consumers[index].phase == .member, !fleet.consumers[index].isFrozen {
                        fleet.consumers[index].phase = .joining(.init(connection: 0, correlationID: 0))
                        fleet.loseConnection(index)
                    }
                case 43..<60: fleet.pass(.milliseconds(Int64.random(in: 1...2_500, using: &random)))
                case 60..<80: fleet.heartbeat(index)
                default: break
                }
                if Bool.random(using: &random) { fleet.listen() }
            }
            for index in fleet.consumers.indices { fleet.thaw(index) }
            fleet.start(0)
            // Sessions of 6 s and rebalances of 60 s may have to run out.
            var rounds = 0
            while rounds < 150, !fleet.isSettled || rounds < 70 {
                rounds += 1
                fleet.pass(.seconds(1))
            }
            #expect(fleet.isSettled, "seed \(seed)")
            #expect(fleet.violations == [], "seed \(seed)")
            if !fleet.isSettled || !fleet.violations.isEmpty { return }
        }
    }
}
