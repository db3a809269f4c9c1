import NIOCore

/// Puts the proxy's address in place of the broker's in responses that name brokers, so that clients stay behind the proxy.
struct AddressRewrite: Sendable {
    /// Port that the broker advertises; other brokers' addresses are left alone.
    var brokerPort: Int32
    var host: String
    var port: Int32

    /// The frame with addresses replaced; the frame itself where there is nothing to replace or where it can't be read.
    func rewrite(_ frame: ByteBuffer, of key: ApiKey, version: Int16) -> ByteBuffer {
        let rewritten: ByteBuffer? =
            switch key {
            case .metadata: try? metadata(frame, version: version)
            case .findCoordinator: try? coordinator(frame, version: version)
            default: nil
            }
        return rewritten ?? frame
    }

    /// `[throttle, from 3] brokers [node, host, port, rack from 1] …`; what follows is copied.
    private func metadata(_ frame: ByteBuffer, version: Int16) throws -> ByteBuffer {
        let compact = version >= ApiKey.metadata.firstFlexibleVersion
        var copy = FrameCopy(frame)
        try copy.bytes(8)
        if compact { try copy.tags() }
        if version >= 3 { try copy.bytes(4) }
        for _ in 0..<(try copy.arrayCount(compact: compact)) {
            try copy.bytes(4)
            try address(&copy, compact: compact)
            if version >= 1 { try copy.string(compact: compact) }
            if compact { try copy.tags() }
        }
        return copy.finished()
    }

    /// Up to 3: `[throttle, from 1] error [message, from 1] node, host, port`; from 4 (KIP-699) an array of coordinators.
    private func coordinator(_ frame: ByteBuffer, version: Int16) throws -> ByteBuffer {
        let compact = version >= ApiKey.findCoordinator.firstFlexibleVersion
        var copy = FrameCopy(frame)
        try copy.bytes(8)
        if compact { try copy.tags() }
        if version >= 1 { try copy.bytes(4) }
        if version >= 4 {
            for _ in 0..<(try copy.arrayCount(compact: true)) {
                try copy.string(compact: true)
                try copy.bytes(4)
                try address(&copy, compact: true)
                try copy.bytes(2)
                try copy.string(compact: true)
                try copy.tags()
            }
        } else {
            try copy.bytes(2)
            if version >= 1 { try copy.string(compact: compact) }
            try copy.bytes(4)
            try address(&copy, compact: compact)
        }
        return copy.finished()
    }

    private func address(_ copy: inout FrameCopy, compact: Bool) throws {
        let name = try copy.reader.string(compact: compact)
        let number = try copy.reader.integer(Int32.self)
        let isOurs = number == brokerPort
        copy.output.writeKafkaString(isOurs ? host : name, compact: compact)
        copy.output.writeInteger(isOurs ? port : number)
    }
}
