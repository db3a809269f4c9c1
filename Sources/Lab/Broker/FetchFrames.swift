import NIOCore

/// What the proxy must know of Fetch requests and responses to make them wait.
enum FetchFrames {
    /// Beyond this a response is taken to hold records without looking.
    private static let emptyLimit = 1 << 17

    /// `max_wait_ms` of a request; the reader stands at the body.
    static func maximumWait(_ header: RequestHeader, _ reader: inout KafkaReader) throws -> TimeAmount {
        // From version 15 on the replica id is a tagged field (KIP-903).
        if header.apiVersion < 15 { try reader.skip(4) }
        return .milliseconds(Int64(try reader.integer(Int32.self)))
    }

    /// Whether a response tells the consumer nothing: no records and no error.
    static func isEmpty(_ frame: ByteBuffer, version: Int16) -> Bool {
        guard frame.readableBytes <= emptyLimit else { return false }
        return (try? holdsNothing(frame, version: version)) ?? false
    }

    private static func holdsNothing(_ frame: ByteBuffer, version: Int16) throws -> Bool {
        var reader = KafkaReader(frame)
        let compact = version >= ApiKey.fetch.firstFlexibleVersion
        try reader.skip(8)
        if compact { try reader.skipTags() }
        if version >= 1 { try reader.skip(4) }
        if version >= 7 {
            guard try reader.integer(Int16.self) == 0 else { return false }
            try reader.skip(4)
        }
        for _ in 0..<(try reader.arrayCount(compact: compact)) {
            if version >= 13 { try reader.skip(16) } else { _ = try reader.string(compact: compact) }
            for _ in 0..<(try reader.arrayCount(compact: compact)) {
                try reader.skip(4)
                guard try reader.integer(Int16.self) == 0 else { return false }
                try reader.skip(8)
                if version >= 4 { try reader.skip(8) }
                if version >= 5 { try reader.skip(8) }
                if version >= 4 {
                    for _ in 0..<(try reader.arrayCount(compact: compact)) {
                        try reader.skip(16)
                        if compact { try reader.skipTags() }
                    }
                }
                if version >= 11 { try reader.skip(4) }
                let length = compact ? try reader.unsignedVarint() - 1 : Int(try reader.integer(Int32.self))
                guard length <= 0 else { return false }
                if compact { try reader.skipTags() }
            }
            if compact { try reader.skipTags() }
        }
        return true
    }

    /// Whether a Produce request wants a response; with `acks=0` none ever comes.
    static func producerWaits(_ header: RequestHeader, _ reader: inout KafkaReader) throws -> Bool {
        if header.apiVersion >= 3 { _ = try reader.string(compact: header.isFlexible) }
        return try reader.integer(Int16.self) != 0
    }
}
