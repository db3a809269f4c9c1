import NIOCore

/// The part of the agent protocol (draft-ietf-sshm-ssh-agent) that signing on needs. Values, no I/O.
enum AgentMessage {
    /// SSH_AGENTC_REQUEST_IDENTITIES.
    static var listRequest: ByteBuffer { ByteBuffer(bytes: [0, 0, 0, 1, 11]) }

    /// SSH_AGENTC_SIGN_REQUEST.
    ///
    /// - Parameter algorithm: for an RSA key the name to sign under, which becomes a flag.
    static func signRequest(key: [UInt8], data: [UInt8], algorithm: String?) -> ByteBuffer {
        let flags: UInt32 =
            switch algorithm {
            case "rsa-sha2-256": 2
            case "rsa-sha2-512": 4
            default: 0
            }
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(1 + 4 + key.count + 4 + data.count + 4))
        buffer.writeInteger(UInt8(13))
        buffer.writeSSHString(ByteBuffer(bytes: key))
        buffer.writeSSHString(ByteBuffer(bytes: data))
        buffer.writeInteger(flags)
        return buffer
    }

    /// Reads SSH_AGENT_IDENTITIES_ANSWER: key blobs and their comments. `nil` for any other answer.
    static func identities(_ answer: ByteBuffer) -> [(blob: [UInt8], comment: String)]? {
        var answer = answer
        guard answer.readInteger(as: UInt8.self) == 12, let count: UInt32 = answer.readInteger() else { return nil }
        var result: [(blob: [UInt8], comment: String)] = []
        for _ in 0..<count {
            guard let blob = answer.readSSHString(), let comment = answer.readSSHString() else { return nil }
            result.append(
                (Array(blob.readableBytesView), String.printable(comment.readableBytesView, limit: 100)))
        }
        return result
    }

    /// Reads SSH_AGENT_SIGN_RESPONSE: the algorithm's name and the signature. `nil` for any other answer, such as a refusal.
    static func signature(_ answer: ByteBuffer) -> (algorithm: String, bytes: [UInt8])? {
        var answer = answer
        guard answer.readInteger(as: UInt8.self) == 14, var signature = answer.readSSHString(),
            let name = signature.readSSHString(), let bytes = signature.readSSHString(), bytes.readableBytes > 0
        else { return nil }
        return (String(buffer: name), Array(bytes.readableBytesView))
    }
}
