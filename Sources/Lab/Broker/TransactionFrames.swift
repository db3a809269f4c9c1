import NIOCore

/// What the proxy writes and reads itself of transactions.
enum TransactionFrames {
    /// An InitProducerId request in its oldest version.
    static func initializeFrame(_ overdue: OpenTransactions.Overdue, correlationID: Int32, clientID: String)
        -> ByteBuffer
    {
        var frame = Self.start(.initProducerID, of: overdue.transaction, correlationID, clientID)
        frame.writeInteger(Int32(clamping: overdue.timeout.nanoseconds / 1_000_000))
        frame.setInteger(Int32(frame.readableBytes - 4), at: frame.readerIndex)
        return frame
    }

    /// An EndTxn request in its oldest version, which aborts.
    static func abortFrame(
        _ transaction: String, of producer: OpenTransactions.Producer, correlationID: Int32, clientID: String
    ) -> ByteBuffer {
        var frame = Self.start(.endTransaction, of: transaction, correlationID, clientID)
        frame.writeInteger(producer.id)
        frame.writeInteger(producer.epoch)
        // Not committed.
        frame.writeInteger(UInt8(0))
        frame.setInteger(Int32(frame.readableBytes - 4), at: frame.readerIndex)
        return frame
    }

    /// A request of version 0 up to its first field. Its length is still to be set.
    private static func start(
        _ key: ApiKey, of transaction: String, _ correlationID: Int32, _ clientID: String
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(Int32(0))
        frame.writeInteger(key.rawValue)
        frame.writeInteger(Int16(0))
        frame.writeInteger(correlationID)
        frame.writeKafkaString(clientID, compact: false)
        frame.writeKafkaString(transaction, compact: false)
        return frame
    }

    /// The answer to an InitProducerId while the predecessor's transaction is being ended: CONCURRENT_TRANSACTIONS, ask again.
    static func askAgain(_ header: RequestHeader) -> ByteBuffer {
        var response = ResponseWriter(header)
        // Time to wait; error; producer id and epoch.
        response.integer(Int32(0))
        response.integer(Int16(51))
        response.integer(Int64(-1))
        response.integer(Int16(-1))
        response.tags()
        return response.finished()
    }

    /// The producer of an InitProducerId response; `nil` when that is an error.
    static func initialized(_ frame: ByteBuffer, version: Int16) -> OpenTransactions.Producer? {
        guard var reader = try? body(frame, flexible: version >= ApiKey.initProducerID.firstFlexibleVersion),
            (try? reader.integer(Int16.self)) == 0, let id = try? reader.integer(Int64.self),
            let epoch = try? reader.integer(Int16.self)
        else { return nil }
        return .init(id: id, epoch: epoch)
    }

    /// Whether an EndTxn response says that the transaction is over: it has ended, or (INVALID_TXN_STATE, INVALID_PRODUCER_ID_MAPPING)
    /// there is none.
    static func isOver(_ frame: ByteBuffer, version: Int16) -> Bool {
        guard var reader = try? body(frame, flexible: version >= ApiKey.endTransaction.firstFlexibleVersion),
            let error = try? reader.integer(Int16.self)
        else { return false }
        return [0, 48, 49].contains(error)
    }

    private static func body(_ frame: ByteBuffer, flexible: Bool) throws -> KafkaReader {
        var reader = KafkaReader(frame)
        try reader.skip(8)
        if flexible { try reader.skipTags() }
        try reader.skip(4)
        return reader
    }
}
