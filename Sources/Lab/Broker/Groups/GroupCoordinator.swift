import NIOCore

/// A request that waits for its answer: the connection it came on, and its number there.
struct RequestID: Hashable, Sendable {
    var connection: Int
    var correlationID: Int32
}

/// A coordinator of consumer groups (classic protocol), in place of the development broker's own: that one never expires a session, lets a static leader that
/// comes back assign anew without telling the others, and forgets its groups when it is restarted. A value without I/O; time comes in as a parameter.
///
/// It keeps memberships; offsets stay with the broker.
struct GroupCoordinator: Sendable {
    struct Answer: Sendable, Equatable {
        var request: RequestID
        var content: GroupAnswer
    }

    struct Expired: Sendable, Hashable {
        var group: String
        var member: GroupMemberName
    }

    private var groups: [String: ConsumerGroup] = [:]
    private var generator: SplitMix

    /// - Parameter seed: of member ids. A coordinator must not give an id again that an earlier one has given.
    init(seed: UInt64 = .random(in: .min ... .max)) { generator = SplitMix(seed: seed) }

    /// Whether there is anybody whose time may run out.
    var hasMembers: Bool { groups.values.contains { $0.hasMembers } }

    subscript(group: String) -> ConsumerGroup? { groups[group] }

    /// - Returns: the answers that are due now: often to this request, and to others that have waited for it.
    mutating func handle(_ request: GroupRequest, as id: RequestID, at now: NIODeadline) -> [Answer] {
        switch request {
        case .join(let join):
            guard join.member.id.isEmpty || groups[join.group] != nil else {
                let answer = JoinAnswer(error: .unknownMember, memberID: join.member.id)
                return [.init(request: id, content: .join(answer))]
            }
            let suffix = String(generator.next(), radix: 16)
            let newID = "\(join.member.instanceID ?? join.clientID ?? "member")-\(suffix)"
            return groups[join.group, default: ConsumerGroup()].join(join, as: id, newID: newID, at: now)
        case .sync(let sync):
            return groups[sync.claim.group]?.sync(sync, as: id, at: now)
                ?? [.init(request: id, content: .sync(.init(error: .unknownMember)))]
        case .heartbeat(let claim):
            let error = groups[claim.group]?.heartbeat(claim, at: now) ?? .unknownMember
            return [.init(request: id, content: .heartbeat(error))]
        case .leave(let group, let members):
            return groups[group]?.leave(members, as: id, at: now)
                ?? [.init(request: id, content: .leave(members.map { .init(name: $0, error: .unknownMember) }))]
        }
    }

    /// Why an OffsetCommit or a TxnOffsetCommit (KIP-447) is refused; `nil` when the broker is to keep its offsets.
    mutating func refusal(ofOffsetsFrom claim: GroupClaim, inTransaction: Bool, at now: NIODeadline) -> GroupError? {
        guard groups[claim.group] != nil else {
            var nobody = ConsumerGroup()
            let error = nobody.refusal(ofOffsetsFrom: claim, inTransaction: inTransaction, at: now)
            // A group that isn't known at all: Apache Kafka says it like that.
            return error == nil || inTransaction ? error : .illegalGeneration
        }
        return groups[claim.group]?.refusal(ofOffsetsFrom: claim, inTransaction: inTransaction, at: now)
    }

    /// Removes who hasn't been heard of for too long. To be called every now and then.
    mutating func expire(at now: NIODeadline) -> (answers: [Answer], expired: [Expired]) {
        var answers: [Answer] = []
        var expired: [Expired] = []
        for name in groups.keys.sorted() {
            guard let result = groups[name]?.expire(at: now) else { continue }
            answers += result.answers
            expired += result.members.map { .init(group: name, member: $0) }
        }
        return (answers, expired)
    }

    /// The coordinator was away and is back with what it knew: sessions begin anew, as when Apache Kafka loads its groups.
    mutating func renewSessions(at now: NIODeadline) {
        for name in groups.keys { groups[name]?.renewSessions(at: now) }
    }
}
