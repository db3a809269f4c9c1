import NIOCore

/// One group of the classic protocol, as its coordinator keeps it: who is a member, who waits for whom, and what was assigned. A value without I/O;
/// time comes in as a parameter.
///
/// The rules are those of Apache Kafka's `GroupCoordinator`: rebalances (KIP-62), static members (KIP-345), ids before joins (KIP-394),
/// followers and static members that come back to a stable group without a rebalance (KIP-345, KIP-814).
struct ConsumerGroup: Sendable {
    enum State: Sendable, Equatable {
        case empty
        /// Waits until all members have joined again, or until then.
        case preparingRebalance(until: NIODeadline)
        /// Waits for the leader's assignment.
        case completingRebalance
        case stable
    }

    private struct Member {
        var name: GroupMemberName
        var protocols: [GroupProtocol]
        var sessionTimeout: TimeAmount
        var rebalanceTimeout: TimeAmount
        var assignment: [UInt8] = []
        /// When it is removed, unless it is heard of. A member that waits for an answer of ours is alive.
        var expires: NIODeadline
        /// Waits for its first answer: it doesn't know its id, so it can't be heard of.
        var isNew = false
        var join: RequestID?
        var sync: RequestID?
        /// Has asked for its assignment in this generation.
        var hasSynced = true

        var isSilent: Bool { isNew || join == nil && sync == nil }

        mutating func renew(at now: NIODeadline) { expires = now + sessionTimeout }

        mutating func update(_ request: JoinRequest) {
            protocols = request.protocols
            sessionTimeout = TimeAmount(request.sessionTimeout)
            rebalanceTimeout = TimeAmount(request.rebalanceTimeout)
        }
    }

    /// How long a new member may wait for its first answer.
    private static let newMemberTimeout = TimeAmount.minutes(5)

    private(set) var state = State.empty
    private(set) var generation: Int32 = 0
    private(set) var leader: String?
    private var protocolType: String?
    private var protocolName: String?
    /// In the order in which they came.
    private var members: [Member] = []
    /// Ids given to members that haven't joined with them yet, and until when that is waited for.
    private var pending: [String: NIODeadline] = [:]
    /// Until when all members must have asked for their assignment.
    private var syncDeadline: NIODeadline?
    private var answers: [GroupCoordinator.Answer] = []

    var memberNames: [GroupMemberName] { members.map(\.name) }
    var hasMembers: Bool { !members.isEmpty || !pending.isEmpty }

    private mutating func answer(_ request: RequestID, _ answer: GroupAnswer) {
        answers.append(.init(request: request, content: answer))
    }

    private mutating func takeAnswers() -> [GroupCoordinator.Answer] {
        defer { answers = [] }
        return answers
    }

    private func index(of id: String) -> Int? { members.firstIndex { $0.name.id == id } }

    /// Why a request of this member is refused; `nil` when it is one.
    private func refusal(of name: GroupMemberName) -> GroupError? {
        guard let instanceID = name.instanceID else { return index(of: name.id) == nil ? .unknownMember : nil }
        guard let present = members.first(where: { $0.name.instanceID == instanceID }) else { return .unknownMember }
        return present.name.id == name.id ? nil : .fencedInstance
    }

    // MARK: - Joining

    /// - Parameter newID: for a member that has no id yet.
    mutating func join(
        _ request: JoinRequest, as id: RequestID, newID: String, at now: NIODeadline
    ) -> [GroupCoordinator.Answer] {
        let name = request.member
        if !supports(request) {
            answer(id, .join(.init(error: .inconsistentProtocol, memberID: name.id)))
        } else if name.id.isEmpty {
            joinWithoutID(request, as: id, newID: newID, at: now)
        } else if pending.removeValue(forKey: name.id) != nil {
            add(request, as: id, memberID: name.id, at: now)
        } else if let error = refusal(of: name) {
            answer(id, .join(.init(error: error, memberID: name.id)))
        } else if let index = index(of: name.id) {
            joinAgain(index, request, as: id, at: now)
        }
        completeJoinIfAllAreThere(at: now)
        return takeAnswers()
    }

    private mutating func joinWithoutID(
        _ request: JoinRequest, as id: RequestID, newID: String, at now: NIODeadline
    ) {
        if let instanceID = request.member.instanceID {
            if let index = members.firstIndex(where: { $0.name.instanceID == instanceID }) {
                replace(index, request, as: id, newID: newID, at: now)
            } else {
                add(request, as: id, memberID: newID, at: now)
            }
        } else if request.takesIDFirst {
            pending[newID] = now + TimeAmount(request.sessionTimeout)
            answer(id, .join(.init(error: .memberIDRequired, memberID: newID)))
        } else {
            add(request, as: id, memberID: newID, at: now)
        }
    }

    private mutating func add(_ request: JoinRequest, as id: RequestID, memberID: String, at now: NIODeadline) {
        if members.isEmpty { protocolType = request.protocolType }
        var member = Member(
            name: .init(id: memberID, instanceID: request.member.instanceID), protocols: request.protocols,
            sessionTimeout: TimeAmount(request.sessionTimeout), rebalanceTimeout: TimeAmount(request.rebalanceTimeout),
            expires: now + Self.newMemberTimeout)
        member.isNew = true
        member.join = id
        members.append(member)
        leader = leader ?? memberID
        prepareRebalance(at: now)
    }

    private mutating func joinAgain(_ index: Int, _ request: JoinRequest, as id: RequestID, at now: NIODeadline) {
        let isSame = members[index].protocols == request.protocols
        let isLeader = leader == members[index].name.id
        switch state {
        // Its answer was lost.
        case .completingRebalance where isSame: answerJoin(index, id)
        // The leader may have seen the topics change, which nobody else need have.
        case .stable where isSame && !isLeader: answerJoin(index, id)
        case .empty, .preparingRebalance, .completingRebalance, .stable:
            members[index].update(request)
            members[index].join = id
            prepareRebalance(at: now)
        }
    }

    /// A static member comes back with no memory of its id: it takes its predecessor's place, and in a stable group its assignment too.
    private mutating func replace(
        _ index: Int, _ request: JoinRequest, as id: RequestID, newID: String, at now: NIODeadline
    ) {
        let before = members[index]
        let leaderBefore = leader
        if let join = before.join { answer(join, .join(.init(error: .fencedInstance, memberID: before.name.id))) }
        if let sync = before.sync { answer(sync, .sync(.init(error: .fencedInstance))) }
        members[index].name.id = newID
        members[index].update(request)
        members[index].join = nil
        members[index].sync = nil
        if !before.isNew { members[index].renew(at: now) }
        if leaderBefore == before.name.id { leader = newID }
        guard state == .stable, protocolName == selectedProtocol else {
            members[index].join = id
            return prepareRebalance(at: now)
        }
        if request.canSkipAssignment {
            answerJoin(index, id, skipsAssignment: leader == newID)
        } else {
            // It must not take itself for the leader: what it would assign, nobody else would hear of.
            answerJoin(index, id, leader: leaderBefore)
        }
    }

    private mutating func answerJoin(
        _ index: Int, _ id: RequestID, leader named: String? = nil, skipsAssignment: Bool = false
    ) {
        let leader = named ?? leader ?? ""
        let memberID = members[index].name.id
        let list = members.map { member in
            JoinAnswer.Member(
                name: member.name, metadata: member.protocols.first { $0.name == protocolName }?.metadata ?? [])
        }
        answer(
            id,
            .join(
                .init(
                    generation: generation, protocolType: protocolType, protocolName: protocolName, leader: leader,
                    skipsAssignment: skipsAssignment, memberID: memberID, members: leader == memberID ? list : [])))
    }

    // MARK: - Rebalancing

    private mutating func prepareRebalance(at now: NIODeadline) {
        if case .preparingRebalance = state { return }
        if state == .completingRebalance {
            for index in members.indices {
                members[index].assignment = []
                guard let sync = members[index].sync else { continue }
                members[index].sync = nil
                members[index].renew(at: now)
                answer(sync, .sync(.init(error: .rebalanceInProgress)))
            }
        }
        syncDeadline = nil
        state = .preparingRebalance(until: now + rebalanceTimeout)
    }

    private var rebalanceTimeout: TimeAmount { members.map(\.rebalanceTimeout).max() ?? .zero }

    private mutating func completeJoinIfAllAreThere(at now: NIODeadline) {
        guard case .preparingRebalance = state, pending.isEmpty, members.allSatisfy({ $0.join != nil }) else { return }
        completeJoin(at: now)
    }

    private mutating func completeJoin(at now: NIODeadline) {
        // Static members keep their place until their session ends.
        members.removeAll { $0.join == nil && $0.name.instanceID == nil }
        guard members.isEmpty || members.contains(where: { $0.join != nil }) else {
            state = .preparingRebalance(until: now + rebalanceTimeout)
            return
        }
        generation += 1
        if !members.contains(where: { $0.name.id == leader && $0.join != nil }) {
            leader = members.first { $0.join != nil }?.name.id
        }
        protocolName = selectedProtocol
        guard !members.isEmpty else {
            state = .empty
            return
        }
        state = .completingRebalance
        syncDeadline = now + rebalanceTimeout
        for index in members.indices {
            members[index].isNew = false
            members[index].hasSynced = false
            members[index].renew(at: now)
            guard let join = members[index].join else { continue }
            members[index].join = nil
            answerJoin(index, join)
        }
    }

    /// Whether the members that there are, and this one, have a way to assign in common.
    private func supports(_ request: JoinRequest) -> Bool {
        guard !request.protocolType.isEmpty, !request.protocols.isEmpty else { return false }
        let others = members.filter { $0.name.id != request.member.id }
        return others.isEmpty
            || protocolType == request.protocolType
                && request.protocols.contains { own in
                    others.allSatisfy { $0.protocols.contains { $0.name == own.name } }
                }
    }

    /// Of those that all members support, the one that most of them like best.
    private var selectedProtocol: String? {
        let common = members.first?.protocols.map(\.name).filter { name in
            members.allSatisfy { $0.protocols.contains { $0.name == name } }
        }
        guard let common else { return nil }
        let votes = members.compactMap { member in member.protocols.first { common.contains($0.name) }?.name }
        return common.max { one, other in votes.count { $0 == one } < votes.count { $0 == other } }
    }

    // MARK: - Members

    mutating func sync(_ request: SyncRequest, as id: RequestID, at now: NIODeadline) -> [GroupCoordinator.Answer] {
        let claim = request.claim
        if let error = refusal(of: claim) ?? refusal(ofProtocolIn: request) {
            answer(id, .sync(.init(error: error)))
        } else if let index = index(of: claim.member.id) {
            switch state {
            case .empty: answer(id, .sync(.init(error: .unknownMember)))
            case .preparingRebalance: answer(id, .sync(.init(error: .rebalanceInProgress)))
            case .completingRebalance:
                members[index].sync = id
                members[index].hasSynced = true
                if leader == claim.member.id { share(request.assignments, at: now) }
            case .stable:
                members[index].hasSynced = true
                answerSync(index, id, at: now)
            }
            if members.allSatisfy(\.hasSynced) { syncDeadline = nil }
        }
        return takeAnswers()
    }

    private mutating func share(_ assignments: [String: [UInt8]], at now: NIODeadline) {
        state = .stable
        for index in members.indices {
            members[index].assignment = assignments[members[index].name.id] ?? []
            guard let sync = members[index].sync else { continue }
            members[index].sync = nil
            answerSync(index, sync, at: now)
        }
    }

    private mutating func answerSync(_ index: Int, _ id: RequestID, at now: NIODeadline) {
        members[index].renew(at: now)
        answer(
            id,
            .sync(
                .init(
                    protocolType: protocolType, protocolName: protocolName, assignment: members[index].assignment)))
    }

    private func refusal(of claim: GroupClaim) -> GroupError? {
        refusal(of: claim.member) ?? (claim.generation == generation ? nil : .illegalGeneration)
    }

    private func refusal(ofProtocolIn request: SyncRequest) -> GroupError? {
        let isOurs =
            (request.protocolType ?? protocolType) == protocolType
            && (request.protocolName ?? protocolName) == protocolName
        return isOurs ? nil : .inconsistentProtocol
    }

    mutating func heartbeat(_ claim: GroupClaim, at now: NIODeadline) -> GroupError {
        if let error = refusal(of: claim) { return error }
        if let index = index(of: claim.member.id) { members[index].renew(at: now) }
        if case .preparingRebalance = state { return .rebalanceInProgress }
        return .noError
    }

    /// Why offsets are refused; `nil` when they are to be kept. A sign of life, unless they are part of a transaction.
    mutating func refusal(ofOffsetsFrom claim: GroupClaim, inTransaction: Bool, at now: NIODeadline) -> GroupError? {
        guard claim.isByMember else { return inTransaction || members.isEmpty ? nil : .unknownMember }
        if let error = refusal(of: claim) { return error }
        if inTransaction { return nil }
        if state == .completingRebalance { return .rebalanceInProgress }
        if let index = index(of: claim.member.id) { members[index].renew(at: now) }
        return nil
    }

    /// One answer for each name.
    mutating func leave(
        _ names: [GroupMemberName], as id: RequestID, at now: NIODeadline
    ) -> [GroupCoordinator.Answer] {
        let results = names.map { name in
            // By its instance id alone, an administrator removes whoever has it.
            let present = members.first {
                name.id.isEmpty && name.instanceID != nil && $0.name.instanceID == name.instanceID
            }?.name
            if pending.removeValue(forKey: name.id) != nil {
                completeJoinIfAllAreThere(at: now)
                return LeaveAnswer(name: name, error: .noError)
            }
            if let error = refusal(of: present ?? name) { return LeaveAnswer(name: name, error: error) }
            remove((present ?? name).id, at: now)
            return LeaveAnswer(name: name, error: .noError)
        }
        answer(id, .leave(results))
        return takeAnswers()
    }

    private mutating func remove(_ id: String, at now: NIODeadline) {
        guard let index = index(of: id) else { return }
        let member = members.remove(at: index)
        if let join = member.join { answer(join, .join(.init(error: .unknownMember))) }
        if let sync = member.sync { answer(sync, .sync(.init(error: .unknownMember))) }
        if leader == id { leader = members.first?.name.id }
        prepareRebalance(at: now)
        completeJoinIfAllAreThere(at: now)
    }

    // MARK: - Time

    /// Removes who hasn't been heard of for too long.
    mutating func expire(at now: NIODeadline) -> (answers: [GroupCoordinator.Answer], members: [GroupMemberName]) {
        pending = pending.filter { $0.value > now }
        completeJoinIfAllAreThere(at: now)
        let expired = members.filter { $0.isSilent && $0.expires <= now }.map(\.name)
        for name in expired { remove(name.id, at: now) }
        if case .preparingRebalance(let limit) = state, limit <= now { completeJoin(at: now) }
        if let syncDeadline, syncDeadline <= now {
            members.removeAll { !$0.hasSynced }
            if index(of: leader ?? "") == nil { leader = members.first?.name.id }
            prepareRebalance(at: now)
            completeJoinIfAllAreThere(at: now)
        }
        return (takeAnswers(), expired)
    }

    /// The coordinator was away: nobody could be heard of.
    mutating func renewSessions(at now: NIODeadline) {
        for index in members.indices where !members[index].isNew { members[index].renew(at: now) }
    }
}

extension GroupClaim {
    /// Whether the sender says that it is a member at all.
    fileprivate var isByMember: Bool { generation >= 0 || !member.id.isEmpty || member.instanceID != nil }
}
