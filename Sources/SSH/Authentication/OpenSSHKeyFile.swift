import Foundation

/// Reads the part of OpenSSH's private key format that is never encrypted.
///
/// The format (`PROTOCOL.key` of OpenSSH) is `openssh-key-v1`, cipher, key derivation and its options, the number of keys, and
/// the public key blob.
enum OpenSSHKeyFile {
    static func publicKeyBlob(of text: String) -> [UInt8]? {
        guard let begin = text.range(of: "-----BEGIN OPENSSH PRIVATE KEY-----"),
            let end = text.range(of: "-----END", range: begin.upperBound..<text.endIndex),
            let bytes = Base64.decode(text[begin.upperBound..<end.lowerBound])
        else { return nil }
        let magic = Array("openssh-key-v1\0".utf8)
        guard bytes.starts(with: magic) else { return nil }
        var reader = WireReader(bytes.dropFirst(magic.count))
        guard reader.readString() != nil, reader.readString() != nil, reader.readString() != nil,
            reader.readUInt32() == 1, let blob = reader.readString()
        else { return nil }
        return Array(blob)
    }

    static func publicKeyType(of text: String) -> String? {
        self.publicKeyBlob(of: text).flatMap { HostKey(blob: $0)?.algorithm }
    }
}
