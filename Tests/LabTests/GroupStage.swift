import NIOCore

@testable import Lab

/// A coordinator with its clock and all its answers, for tests that say what happens in which order.
struct GroupStage {
    var coordinator = GroupCoordinator(seed: 1)
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private(set) var answers: [RequestID: GroupAnswer] = [:]
    private var requests: Int32 = 0

    private mutating func note(_ new: [GroupCoordinator.Answer]) {
        for answer in new { answers[answer.request] = answer.content }
    }

    mutating func ask(_ request: GroupRequest) -> RequestID {
        requests += 1
        let id = RequestID(connection: 1, correlationID: requests)
        note(coordinator.handle(request, as: id, at: now))
        return id
    }

    mutating func pass(_ time: TimeAmount) -> [GroupMemberName] {
        now = now + time
        let result = coordinator.expire(at: now)
        note(result.answers)
        return result.expired.map(\.member)
    }

    mutating func join(
        _ id: String = "", instance: String? = nil, metadata: [UInt8] = [], protocols: [String] = ["range"],
        takesIDFirst: Bool = false, canSkipAssignment: Bool = false
    ) -> RequestID {
        ask(
            .join(
                .init(
                    group: "g", member: .init(id: id, instanceID: instance), clientID: "c", sessionTimeout: .seconds(6),
                    rebalanceTimeout: .seconds(60), protocolType: "consumer",
                    protocols: protocols.map { .init(name: $0, metadata: metadata) }, takesIDFirst: takesIDFirst,
                    canSkipAssignment: canSkipAssignment)))
    }

    func claim(_ id: String, instance: String? = nil, generation: Int32) -> GroupClaim {
        .init(group: "g", generation: generation, member: .init(id: id, instanceID: instance))
    }

    mutating func sync(
        _ id: String, instance: String? = nil, generation: Int32, _ assignments: [String: [UInt8]] = [:]
    ) -> RequestID {
        ask(
            .sync(
                .init(claim: claim(id, instance: instance, generation: generation), assignments: assignments)))
    }

    mutating func heartbeat(_ id: String, instance: String? = nil, generation: Int32) -> GroupError? {
        let request = ask(.heartbeat(claim(id, instance: instance, generation: generation)))
        guard case .heartbeat(let error)? = answers[request] else { return nil }
        return error
    }

    mutating func leave(_ id: String, instance: String? = nil) -> GroupError? {
        let request = ask(.leave(group: "g", members: [.init(id: id, instanceID: instance)]))
        guard case .leave(let results)? = answers[request] else { return nil }
        return results.first?.error
    }

    mutating func commit(_ id: String, instance: String? = nil, generation: Int32, inTransaction: Bool = false)
        -> GroupError?
    {
        coordinator.refusal(
            ofOffsetsFrom: claim(id, instance: instance, generation: generation), inTransaction: inTransaction, at: now)
    }

    func joined(_ request: RequestID) -> JoinAnswer? {
        guard case .join(let answer)? = answers[request] else { return nil }
        return answer
    }

    func synced(_ request: RequestID) -> SyncAnswer? {
        guard case .sync(let answer)? = answers[request] else { return nil }
        return answer
    }

    /// Two members of a stable group of generation 2, the first of them its leader. Their assignments are `[1]` and `[2]`.
    static func ofTwo(instances: (String?, String?) = (nil, nil)) -> (stage: GroupStage, first: String, second: String)
    {
        var stage = GroupStage()
        let alone = stage.join(instance: instances.0)
        let first = stage.joined(alone)?.memberID ?? ""
        let other = stage.join(instance: instances.1)
        _ = stage.join(first, instance: instances.0)
        let second = stage.joined(other)?.memberID ?? ""
        _ = stage.sync(second, instance: instances.1, generation: 2)
        _ = stage.sync(first, instance: instances.0, generation: 2, [first: [1], second: [2]])
        return (stage, first, second)
    }
}
