import NIOCore

/// Request types that the proxy looks into; it forwards all others unread.
enum ApiKey: Int16 {
    case produce = 0
    case fetch = 1
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case apiVersions = 18
    case initProducerID = 22
    case addPartitionsToTransaction = 24
    case addOffsetsToTransaction = 25
    case endTransaction = 26
    case transactionOffsetCommit = 28

    /// From which version on the type uses compact strings and tagged fields (KIP-482).
    var firstFlexibleVersion: Int16 {
        switch self {
        case .produce, .metadata: 9
        case .fetch: 12
        case .offsetCommit: 8
        case .findCoordinator, .apiVersions, .addPartitionsToTransaction, .addOffsetsToTransaction, .endTransaction,
            .transactionOffsetCommit:
            3
        case .initProducerID: 2
        case .offsetFetch, .joinGroup: 6
        case .heartbeat, .leaveGroup, .syncGroup: 4
        }
    }
}

/// The header of a request frame.
struct RequestHeader: Sendable, Equatable {
    var apiKey: Int16
    var apiVersion: Int16
    var correlationID: Int32
    var clientID: String?

    var known: ApiKey? { ApiKey(rawValue: apiKey) }
    var isFlexible: Bool { known.map { apiVersion >= $0.firstFlexibleVersion } ?? false }

    /// Reads the header of a frame; leaves the reader at the body for the types of ``ApiKey``.
    init(_ reader: inout KafkaReader) throws {
        _ = try reader.integer(Int32.self)
        apiKey = try reader.integer()
        apiVersion = try reader.integer()
        correlationID = try reader.integer()
        // Request header version 2 keeps the old string form for the client id (KIP-482).
        clientID = try reader.string(compact: false)
        if isFlexible { try reader.skipTags() }
    }
}

/// What a request says about a member of a consumer group.
enum GroupRequest: Sendable, Equatable {
    struct Member: Sendable, Hashable {
        /// Empty while the broker hasn't given one.
        var id: String
        /// `group.instance.id` of a static member (KIP-345).
        var instanceID: String?
    }

    case join(group: String, member: Member, sessionTimeout: Duration)
    case sync(group: String, member: Member)
    /// A heartbeat, or an offset commit, which counts as one.
    case heartbeat(group: String, member: Member)
    case leave(group: String, members: [Member])

    /// `nil` for requests that have nothing to do with membership.
    init?(_ header: RequestHeader, _ reader: inout KafkaReader) throws {
        let compact = header.isFlexible
        func instanceID(from version: Int16) throws -> String? {
            header.apiVersion >= version ? try reader.string(compact: compact) : nil
        }
        switch header.known {
        case .joinGroup:
            let group = try reader.string(compact: compact) ?? ""
            let timeout = try reader.integer(Int32.self)
            if header.apiVersion >= 1 { _ = try reader.integer(Int32.self) }
            let id = try reader.string(compact: compact) ?? ""
            let member = Member(id: id, instanceID: try instanceID(from: 5))
            self = .join(group: group, member: member, sessionTimeout: .milliseconds(timeout))
        case .syncGroup, .heartbeat:
            let group = try reader.string(compact: compact) ?? ""
            _ = try reader.integer(Int32.self)
            let id = try reader.string(compact: compact) ?? ""
            let member = Member(id: id, instanceID: try instanceID(from: 3))
            self =
                header.known == .syncGroup
                ? .sync(group: group, member: member) : .heartbeat(group: group, member: member)
        case .offsetCommit where header.apiVersion >= 1:
            let group = try reader.string(compact: compact) ?? ""
            _ = try reader.integer(Int32.self)
            let id = try reader.string(compact: compact) ?? ""
            if id.isEmpty { return nil }
            self = .heartbeat(group: group, member: Member(id: id, instanceID: try instanceID(from: 7)))
        case .leaveGroup:
            let group = try reader.string(compact: compact) ?? ""
            if header.apiVersion < 3 {
                self = .leave(
                    group: group, members: [Member(id: try reader.string(compact: compact) ?? "", instanceID: nil)])
                return
            }
            var members: [Member] = []
            for _ in 0..<(try reader.arrayCount(compact: compact)) {
                let id = try reader.string(compact: compact) ?? ""
                members.append(Member(id: id, instanceID: try reader.string(compact: compact)))
                if header.apiVersion >= 5 { _ = try reader.string(compact: compact) }
                if compact { try reader.skipTags() }
            }
            self = .leave(group: group, members: members)
        default: return nil
        }
    }

    /// A whole LeaveGroup frame in the oldest version that can say it: 0 for a dynamic member, 3 for a static one.
    static func leaveFrame(group: String, member: Member, correlationID: Int32, clientID: String) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(Int32(0))
        frame.writeInteger(ApiKey.leaveGroup.rawValue)
        frame.writeInteger(Int16(member.instanceID == nil ? 0 : 3))
        frame.writeInteger(correlationID)
        frame.writeKafkaString(clientID, compact: false)
        frame.writeKafkaString(group, compact: false)
        if let instanceID = member.instanceID {
            frame.writeInteger(Int32(1))
            frame.writeKafkaString(member.id, compact: false)
            frame.writeKafkaString(instanceID, compact: false)
        } else {
            frame.writeKafkaString(member.id, compact: false)
        }
        frame.setInteger(Int32(frame.readableBytes - 4), at: frame.readerIndex)
        return frame
    }
}

/// What a response says about a member of a consumer group.
enum GroupResponse {
    /// Error codes of the protocol.
    static let illegalGeneration: Int16 = 22
    static let unknownMember: Int16 = 25
    static let memberIDRequired: Int16 = 79
    static let fencedInstance: Int16 = 82

    /// Error, generation and member id of a JoinGroup response frame.
    static func join(
        _ frame: ByteBuffer, version: Int16
    ) throws -> (error: Int16, generation: Int32, memberID: String) {
        var reader = KafkaReader(frame)
        let compact = version >= ApiKey.joinGroup.firstFlexibleVersion
        try reader.skip(8)
        if compact { try reader.skipTags() }
        if version >= 2 { try reader.skip(4) }
        let error = try reader.integer(Int16.self)
        let generation = try reader.integer(Int32.self)
        if version >= 7 { _ = try reader.string(compact: compact) }
        _ = try reader.string(compact: compact)
        _ = try reader.string(compact: compact)
        if version >= 9 { try reader.skip(1) }
        return (error, generation, try reader.string(compact: compact) ?? "")
    }

    /// The frame that answers a Heartbeat.
    static func heartbeat(_ header: RequestHeader, error: Int16) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(header.correlationID)
        if header.isFlexible { body.writeInteger(UInt8(0)) }
        if header.apiVersion >= 1 { body.writeInteger(Int32(0)) }
        body.writeInteger(error)
        if header.isFlexible { body.writeInteger(UInt8(0)) }
        var frame = ByteBuffer()
        frame.writeInteger(Int32(body.readableBytes))
        frame.writeBuffer(&body)
        return frame
    }

    /// Error of a Heartbeat or SyncGroup response frame.
    static func error(_ frame: ByteBuffer, version: Int16, flexible: Bool) throws -> Int16 {
        var reader = KafkaReader(frame)
        try reader.skip(8)
        if flexible { try reader.skipTags() }
        if version >= 1 { try reader.skip(4) }
        return try reader.integer()
    }
}
