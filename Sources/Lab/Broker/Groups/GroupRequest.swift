/// A request to a group coordinator about membership (classic protocol, JoinGroup version 0 to 9 and its companions).
enum GroupRequest: Sendable, Equatable {
    case join(JoinRequest)
    case sync(SyncRequest)
    case heartbeat(GroupClaim)
    case leave(group: String, members: [GroupMemberName])

    /// `nil` for requests that have nothing to do with membership.
    ///
    /// - Parameter body: at the first byte after the header.
    init?(_ header: RequestHeader, _ body: KafkaReader) throws {
        var reader = body
        switch header.known {
        case .joinGroup: self = .join(try JoinRequest(header, &reader))
        case .syncGroup: self = .sync(try SyncRequest(header, &reader))
        case .heartbeat: self = .heartbeat(try GroupClaim(header, &reader, instanceSince: 3))
        case .leaveGroup:
            let compact = header.isFlexible
            let group = try reader.string(compact: compact) ?? ""
            var members: [GroupMemberName] = []
            // Version 3 leaves for several members (KIP-345).
            for _ in 0..<(header.apiVersion >= 3 ? try reader.arrayCount(compact: compact) : 1) {
                var member = GroupMemberName(id: try reader.string(compact: compact) ?? "")
                if header.apiVersion >= 3 { member.instanceID = try reader.string(compact: compact) }
                if header.apiVersion >= 5 { _ = try reader.string(compact: compact) }
                if compact { try reader.skipTags() }
                members.append(member)
            }
            self = .leave(group: group, members: members)
        default: return nil
        }
    }
}

/// How a request names a member.
struct GroupMemberName: Sendable, Hashable {
    /// Empty while the coordinator hasn't given one.
    var id: String
    /// `group.instance.id` of a static member (KIP-345).
    var instanceID: String?
}

/// What a request says about where it comes from.
struct GroupClaim: Sendable, Hashable {
    var group: String
    /// -1 when the sender is no member.
    var generation: Int32
    var member: GroupMemberName
}

extension GroupClaim {
    init(_ header: RequestHeader, _ reader: inout KafkaReader, instanceSince version: Int16) throws {
        let compact = header.isFlexible
        group = try reader.string(compact: compact) ?? ""
        generation = try reader.integer()
        member = .init(id: try reader.string(compact: compact) ?? "")
        if header.apiVersion >= version { member.instanceID = try reader.string(compact: compact) }
    }
}

struct JoinRequest: Sendable, Equatable {
    var group: String
    var member: GroupMemberName
    var clientID: String?
    var sessionTimeout: Duration
    /// How long the others wait for a member that doesn't join again (KIP-62).
    var rebalanceTimeout: Duration
    var protocolType: String
    /// In the order of preference.
    var protocols: [GroupProtocol]
    /// A dynamic member gets its id first, and joins with it (KIP-394).
    var takesIDFirst: Bool
    /// A static leader that comes back can be told that there is nothing to assign (KIP-814).
    var canSkipAssignment: Bool
}

/// A way to assign that a member can take part in, with what it has to say for that.
struct GroupProtocol: Sendable, Equatable {
    var name: String
    var metadata: [UInt8]
}

extension JoinRequest {
    init(_ header: RequestHeader, _ reader: inout KafkaReader) throws {
        let compact = header.isFlexible
        let version = header.apiVersion
        group = try reader.string(compact: compact) ?? ""
        sessionTimeout = .milliseconds(try reader.integer(Int32.self))
        // Before version 1 a session is all there is.
        rebalanceTimeout = version >= 1 ? .milliseconds(try reader.integer(Int32.self)) : sessionTimeout
        member = .init(id: try reader.string(compact: compact) ?? "")
        if version >= 5 { member.instanceID = try reader.string(compact: compact) }
        protocolType = try reader.string(compact: compact) ?? ""
        protocols = []
        for _ in 0..<(try reader.arrayCount(compact: compact)) {
            let name = try reader.string(compact: compact) ?? ""
            protocols.append(.init(name: name, metadata: try reader.bytes(compact: compact)))
            if compact { try reader.skipTags() }
        }
        clientID = header.clientID
        takesIDFirst = version >= 4
        canSkipAssignment = version >= 9
    }
}

struct SyncRequest: Sendable, Equatable {
    var claim: GroupClaim
    /// `nil` before version 5.
    var protocolType: String?
    var protocolName: String?
    /// By member id; only the leader sends any.
    var assignments: [String: [UInt8]]
}

extension SyncRequest {
    init(_ header: RequestHeader, _ reader: inout KafkaReader) throws {
        let compact = header.isFlexible
        claim = try GroupClaim(header, &reader, instanceSince: 3)
        if header.apiVersion >= 5 {
            protocolType = try reader.string(compact: compact)
            protocolName = try reader.string(compact: compact)
        }
        assignments = [:]
        for _ in 0..<(try reader.arrayCount(compact: compact)) {
            let id = try reader.string(compact: compact) ?? ""
            assignments[id] = try reader.bytes(compact: compact)
            if compact { try reader.skipTags() }
        }
    }
}
