import NIOCore

/// Watches the members of consumer groups as a group coordinator would, and says whose session has expired.
///
/// The development broker never expires a session by itself; with this it behaves as Apache Kafka does. A value without I/O; time
/// comes in as a parameter.
struct GroupWatch {
    /// A request on its way: connection and correlation id.
    struct RequestID: Hashable, Sendable {
        var connection: Int
        var correlationID: Int32
    }

    /// A member whose session has expired.
    struct Expired: Hashable, Sendable {
        var group: String
        var member: GroupRequest.Member
    }

    private struct Key: Hashable {
        var group: String
        var memberID: String
    }

    private struct Entry {
        var instanceID: String?
        var sessionTimeout: TimeAmount
        var lastSeen: NIODeadline
        /// Join or sync that the broker is sitting on: meanwhile the member counts as alive.
        var waiting: Set<RequestID> = []
    }

    private struct PendingJoin {
        var group: String
        var member: GroupRequest.Member
        var sessionTimeout: TimeAmount
    }

    private var members: [Key: Entry] = [:]
    /// Whether nobody can have joined without being seen.
    private var knowsAllMembers = false
    /// By group: the generation that its members agreed on last.
    private var generations: [String: Int32] = [:]
    private var joins: [RequestID: PendingJoin] = [:]
    private var syncs: [RequestID: Key] = [:]
    /// Session of members that are first seen by a heartbeat (they joined before the proxy was there).
    private let fallbackSessionTimeout: TimeAmount

    init(fallbackSessionTimeout: TimeAmount = .seconds(45)) { self.fallbackSessionTimeout = fallbackSessionTimeout }

    var count: Int { members.count }

    /// The coordinator has been restarted, and this one remembers nothing of its groups (Apache Kafka's does). From here on only who has joined since is a
    /// member: otherwise a worker could go on with what others have been given meanwhile.
    mutating func forget() {
        members = [:]
        generations = [:]
        joins = [:]
        syncs = [:]
        knowsAllMembers = true
    }

    /// Whether the member is known not to be one.
    func isStranger(_ group: String, _ member: GroupRequest.Member) -> Bool {
        knowsAllMembers && members[Key(group: group, memberID: member.id)] == nil
    }

    mutating func forwarded(_ request: GroupRequest, as id: RequestID, at now: NIODeadline) {
        switch request {
        case .join(let group, let member, let timeout):
            let session = TimeAmount(timeout)
            joins[id] = PendingJoin(group: group, member: member, sessionTimeout: session)
            if let instanceID = member.instanceID {
                // A static member that joins again takes its predecessor's place.
                for (key, entry) in members
                where key.group == group && entry.instanceID == instanceID && key.memberID != member.id {
                    members[key] = nil
                }
            }
            guard !member.id.isEmpty else { return }
            let key = Key(group: group, memberID: member.id)
            var entry = members[key] ?? Entry(instanceID: member.instanceID, sessionTimeout: session, lastSeen: now)
            entry.sessionTimeout = session
            entry.lastSeen = now
            entry.waiting.insert(id)
            members[key] = entry
        case .sync(let group, let member):
            let key = Key(group: group, memberID: member.id)
            guard members[key] != nil else { return }
            members[key]?.lastSeen = now
            members[key]?.waiting.insert(id)
            syncs[id] = key
        case .heartbeat(let group, let member):
            let key = Key(group: group, memberID: member.id)
            members[
                key,
                default: Entry(instanceID: member.instanceID, sessionTimeout: fallbackSessionTimeout, lastSeen: now)
            ].lastSeen = now
        case .leave(let group, let leaving):
            for member in leaving {
                if let instanceID = member.instanceID, member.id.isEmpty {
                    for (key, entry) in members where key.group == group && entry.instanceID == instanceID {
                        members[key] = nil
                    }
                } else {
                    members[Key(group: group, memberID: member.id)] = nil
                }
            }
        }
    }

    mutating func joined(
        _ id: RequestID, error: Int16, generation: Int32 = -1, memberID: String, at now: NIODeadline
    ) {
        guard let join = joins.removeValue(forKey: id) else { return }
        let asked = Key(group: join.group, memberID: join.member.id)
        members[asked]?.waiting.remove(id)
        members[asked]?.lastSeen = now
        switch error {
        case 0:
            generations[join.group] = generation
            let key = Key(group: join.group, memberID: memberID)
            guard members[key] == nil else { return }
            if key != asked { members[asked] = nil }
            members[key] = Entry(instanceID: join.member.instanceID, sessionTimeout: join.sessionTimeout, lastSeen: now)
        case GroupResponse.unknownMember, GroupResponse.fencedInstance: members[asked] = nil
        default: break
        }
    }

    mutating func synced(_ id: RequestID, at now: NIODeadline) {
        guard let key = syncs.removeValue(forKey: id) else { return }
        members[key]?.waiting.remove(id)
        members[key]?.lastSeen = now
    }

    /// Whether a coordinator takes this member's commit: while a group waits for its members to join again, their present generation is
    /// still good (Apache Kafka's GroupCoordinator, state PreparingRebalance). The development broker counts the generation up when the wait
    /// begins, not when it ends.
    func mayCommit(_ group: String, _ memberID: String, generation: Int32) -> Bool {
        generations[group] == generation && members[Key(group: group, memberID: memberID)] != nil
    }

    /// The error code for offsets that this member sends in a transaction (KIP-447); `nil`: they are good. The rules are those of ``mayCommit``. A
    /// producer that names neither member nor generation isn't fenced, and neither is a group that the proxy has seen no join of.
    func refusal(_ group: String, _ member: GroupRequest.Member, generation: Int32) -> Int16? {
        guard generation >= 0 || !member.id.isEmpty || member.instanceID != nil, let present = generations[group] else {
            return nil
        }
        if let instanceID = member.instanceID,
            members.contains(where: {
                $0.key.group == group && $0.value.instanceID == instanceID && $0.key.memberID != member.id
            })
        {
            return GroupResponse.fencedInstance
        }
        guard members[Key(group: group, memberID: member.id)] != nil else { return GroupResponse.unknownMember }
        return generation == present ? nil : GroupResponse.illegalGeneration
    }

    /// The coordinator doesn't know the member (any more).
    mutating func refused(_ group: String, _ member: GroupRequest.Member) {
        members[Key(group: group, memberID: member.id)] = nil
    }

    /// What a closed connection was waiting for will never be heard of: the clocks of those members start.
    mutating func closed(connection: Int, at now: NIODeadline) {
        for (id, join) in joins where id.connection == connection {
            joins[id] = nil
            if join.member.id.isEmpty, let instanceID = join.member.instanceID {
                // The broker may have made a member whose id nobody has seen: it is removed by its instance id.
                members[Key(group: join.group, memberID: "")] = Entry(
                    instanceID: instanceID, sessionTimeout: join.sessionTimeout, lastSeen: now)
            }
        }
        syncs = syncs.filter { $0.key.connection != connection }
        for (key, entry) in members where entry.waiting.contains(where: { $0.connection == connection }) {
            members[key]?.waiting = entry.waiting.filter { $0.connection != connection }
            members[key]?.lastSeen = now
        }
    }

    /// Members whose session has expired; they are forgotten.
    mutating func expired(at now: NIODeadline) -> [Expired] {
        var result: [Expired] = []
        for (key, entry) in members where entry.waiting.isEmpty && entry.lastSeen + entry.sessionTimeout <= now {
            members[key] = nil
            result.append(Expired(group: key.group, member: .init(id: key.memberID, instanceID: entry.instanceID)))
        }
        return result
    }

    /// Puts a member back that couldn't be removed, to be tried again after `pause`.
    mutating func retry(_ expired: Expired, after pause: TimeAmount, at now: NIODeadline) {
        let key = Key(group: expired.group, memberID: expired.member.id)
        guard members[key] == nil else { return }
        members[key] = Entry(instanceID: expired.member.instanceID, sessionTimeout: pause, lastSeen: now)
    }
}
