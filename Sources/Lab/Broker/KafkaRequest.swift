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
