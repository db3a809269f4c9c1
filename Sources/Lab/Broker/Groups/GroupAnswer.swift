import NIOCore

/// What a group coordinator answers to a ``GroupRequest``.
enum GroupAnswer: Sendable, Equatable {
    case join(JoinAnswer)
    case sync(SyncAnswer)
    case heartbeat(GroupError)
    case leave([LeaveAnswer])

    /// A whole response frame.
    func frame(for header: RequestHeader) -> ByteBuffer {
        let version = header.apiVersion
        var writer = ResponseWriter(header)
        switch self {
        case .join(let answer):
            if version >= 2 { writer.integer(Int32(0)) }
            writer.integer(answer.error.rawValue)
            writer.integer(answer.generation)
            if version >= 7 { writer.string(answer.protocolType) }
            writer.string(answer.protocolName ?? (version >= 7 ? nil : ""))
            writer.string(answer.leader)
            if version >= 9 { writer.integer(UInt8(answer.skipsAssignment ? 1 : 0)) }
            writer.string(answer.memberID)
            writer.count(answer.members.count)
            for member in answer.members {
                writer.string(member.name.id)
                if version >= 5 { writer.string(member.name.instanceID) }
                writer.bytes(member.metadata)
                writer.tags()
            }
        case .sync(let answer):
            if version >= 1 { writer.integer(Int32(0)) }
            writer.integer(answer.error.rawValue)
            if version >= 5 {
                writer.string(answer.protocolType)
                writer.string(answer.protocolName)
            }
            writer.bytes(answer.assignment)
        case .heartbeat(let error):
            if version >= 1 { writer.integer(Int32(0)) }
            writer.integer(error.rawValue)
        case .leave(let answers):
            if version >= 1 { writer.integer(Int32(0)) }
            guard version >= 3 else {
                writer.integer((answers.first?.error ?? .noError).rawValue)
                break
            }
            writer.integer(GroupError.noError.rawValue)
            writer.count(answers.count)
            for answer in answers {
                writer.string(answer.name.id)
                writer.string(answer.name.instanceID)
                writer.integer(answer.error.rawValue)
                writer.tags()
            }
        }
        writer.tags()
        return writer.finished()
    }
}

/// Error codes of the protocol.
enum GroupError: Int16, Error, Sendable {
    case noError = 0
    case illegalGeneration = 22
    case inconsistentProtocol = 23
    case unknownMember = 25
    case rebalanceInProgress = 27
    case memberIDRequired = 79
    case fencedInstance = 82
}

struct JoinAnswer: Sendable, Equatable {
    struct Member: Sendable, Equatable {
        var name: GroupMemberName
        var metadata: [UInt8]
    }

    var error = GroupError.noError
    var generation: Int32 = -1
    var protocolType: String?
    var protocolName: String?
    var leader = ""
    var skipsAssignment = false
    var memberID = ""
    /// For the leader only.
    var members: [Member] = []
}

struct SyncAnswer: Sendable, Equatable {
    var error = GroupError.noError
    var protocolType: String?
    var protocolName: String?
    var assignment: [UInt8] = []
}

struct LeaveAnswer: Sendable, Equatable {
    var name: GroupMemberName
    var error: GroupError
}
