import NIOCore

/// Requests of SFTP version 3 (draft-ietf-secsh-filexfer-02), as far as copying files needs them.
enum SFTPRequest {
    case open(path: String, flags: UInt32, permissions: UInt32?)
    case close(handle: ByteBuffer)
    case read(handle: ByteBuffer, offset: UInt64, length: UInt32)
    case attributesOfHandle(ByteBuffer)
    case attributesOfPath(String)
    case setPermissions(handle: ByteBuffer, UInt32)
    case remove(path: String)
    case rename(from: String, to: String)
    /// `posix-rename@openssh.com`: replaces an existing file in one step.
    case replace(from: String, to: String)
    /// `fsync@openssh.com`
    case synchronize(handle: ByteBuffer)
    /// `fstatvfs@openssh.com`
    case fileSystem(handle: ByteBuffer)

    static let readFlag: UInt32 = 0x01
    static let writeFlag: UInt32 = 0x02
    static let createFlag: UInt32 = 0x08
    static let truncateFlag: UInt32 = 0x10
    static let exclusiveFlag: UInt32 = 0x20

    /// Appends the whole packet, length included.
    func encode(id: UInt32, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(self.type)
        buffer.writeInteger(id)
        switch self {
        case .open(let path, let flags, let permissions):
            buffer.writeSSHString(path)
            buffer.writeInteger(flags)
            buffer.writeInteger(permissions == nil ? 0 : SFTPAttributes.permissionsFlag)
            if let permissions { buffer.writeInteger(permissions) }
        case .close(let handle), .attributesOfHandle(let handle):
            buffer.writeSSHString(handle)
        case .read(let handle, let offset, let length):
            buffer.writeSSHString(handle)
            buffer.writeInteger(offset)
            buffer.writeInteger(length)
        case .attributesOfPath(let path), .remove(let path):
            buffer.writeSSHString(path)
        case .setPermissions(let handle, let permissions):
            buffer.writeSSHString(handle)
            buffer.writeInteger(SFTPAttributes.permissionsFlag)
            buffer.writeInteger(permissions)
        case .rename(let from, let to):
            buffer.writeSSHString(from)
            buffer.writeSSHString(to)
        case .replace(let from, let to):
            buffer.writeSSHString("posix-rename@openssh.com")
            buffer.writeSSHString(from)
            buffer.writeSSHString(to)
        case .synchronize(let handle):
            buffer.writeSSHString("fsync@openssh.com")
            buffer.writeSSHString(handle)
        case .fileSystem(let handle):
            buffer.writeSSHString("fstatvfs@openssh.com")
            buffer.writeSSHString(handle)
        }
        buffer.setInteger(UInt32(buffer.writerIndex - start - 4), at: start)
    }

    /// Appends SSH_FXP_WRITE, whose data is taken off `data`.
    static func encodeWrite(
        id: UInt32, handle: ByteBuffer, offset: UInt64, data: inout ByteBuffer, length: Int,
        into buffer: inout ByteBuffer
    ) {
        guard var piece = data.readSlice(length: length) else { return }
        buffer.writeInteger(UInt32(1 + 4 + 4 + handle.readableBytes + 8 + 4 + length))
        buffer.writeInteger(UInt8(6))
        buffer.writeInteger(id)
        buffer.writeSSHString(handle)
        buffer.writeInteger(offset)
        buffer.writeInteger(UInt32(length))
        buffer.writeBuffer(&piece)
    }

    /// SSH_FXP_INIT.
    static func encodeStart(into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(5))
        buffer.writeInteger(UInt8(1))
        buffer.writeInteger(UInt32(3))
    }

    private var type: UInt8 {
        switch self {
        case .open: 3
        case .close: 4
        case .read: 5
        case .attributesOfHandle: 8
        case .setPermissions: 10
        case .remove: 13
        case .attributesOfPath: 17
        case .rename: 18
        case .replace, .synchronize, .fileSystem: 200
        }
    }
}

/// What a server answers.
enum SFTPReply: Sendable, Hashable {
    case version(UInt32, extensions: Set<String>)
    case status(SFTPStatus)
    case handle(ByteBuffer)
    case data(ByteBuffer)
    case attributes(SFTPAttributes)
    case extended(ByteBuffer)

    /// Reads one packet without its length. `nil` if it isn't a well-formed answer.
    static func decode(_ packet: ByteBuffer) -> (id: UInt32, reply: SFTPReply)? {
        var packet = packet
        guard let type: UInt8 = packet.readInteger(), let id: UInt32 = packet.readInteger() else { return nil }
        switch type {
        case 2:
            var extensions: Set<String> = []
            while let name = packet.readSSHString() {
                guard packet.readSSHString() != nil else { return nil }
                extensions.insert(String(buffer: name))
            }
            return (0, .version(id, extensions: extensions))
        case 101:
            guard let code: UInt32 = packet.readInteger() else { return nil }
            // Servers of the first drafts send no text.
            let text = packet.readSSHString().map { String.printable($0.readableBytesView, limit: 200) } ?? ""
            return (id, .status(SFTPStatus(code: code, text: text)))
        case 102:
            // The draft allows 256 bytes.
            guard let handle = packet.readSSHString(), handle.readableBytes <= 256 else { return nil }
            return (id, .handle(handle))
        case 103:
            guard let data = packet.readSSHString() else { return nil }
            return (id, .data(data))
        case 105:
            guard let attributes = SFTPAttributes(&packet) else { return nil }
            return (id, .attributes(attributes))
        case 201:
            return (id, .extended(packet))
        default:
            return nil
        }
    }
}

struct SFTPStatus: Sendable, Hashable {
    var code: UInt32
    var text: String

    static let ok: UInt32 = 0
    static let endOfFile: UInt32 = 1
    static let failure: UInt32 = 4

    /// What went wrong, for the caller.
    func error(_ what: String, _ endpoint: some CustomStringConvertible) -> SSHError {
        let code: SSHError.Code =
            switch self.code {
            case 2, 10: .transferNoSuchFile
            case 3, 12: .transferDenied
            case 14, 15: .transferNoSpace
            default: .transferCode(words: self.text) ?? .transferFailed
            }
        let words = self.text.isEmpty ? "status \(self.code)" : self.text
        return SSHError(code, "\(what) on \(endpoint): \(words).")
    }
}

/// The attributes that are of use here (draft-ietf-secsh-filexfer-02 §5).
struct SFTPAttributes: Sendable, Hashable {
    var size: UInt64?
    var permissions: UInt32?

    static let permissionsFlag: UInt32 = 0x04

    init?(_ packet: inout ByteBuffer) {
        guard let flags: UInt32 = packet.readInteger() else { return nil }
        if flags & 0x01 != 0 {
            guard let size: UInt64 = packet.readInteger() else { return nil }
            self.size = size
        }
        if flags & 0x02 != 0 {
            guard packet.readBytes(length: 8) != nil else { return nil }
        }
        if flags & Self.permissionsFlag != 0 {
            guard let permissions: UInt32 = packet.readInteger() else { return nil }
            self.permissions = permissions
        }
    }

    /// Whether this is known to be something else than a regular file.
    var isOtherThanFile: Bool {
        guard let permissions, permissions & 0o170000 != 0 else { return false }
        return permissions & 0o170000 != 0o100000
    }
}

extension SSHError.Code {
    /// The code that a device's words stand for.
    static func transferCode(words: String) -> SSHError.Code? {
        let words = words.lowercased()
        if words.contains("no space") || words.contains("quota") || words.contains("not enough space") {
            return .transferNoSpace
        }
        if words.contains("permission denied") || words.contains("read-only") || words.contains("not permitted") {
            return .transferDenied
        }
        if words.contains("no such file") || words.contains("not found") { return .transferNoSuchFile }
        return nil
    }
}

extension ByteBuffer {
    mutating func writeSSHString(_ text: String) {
        self.writeInteger(UInt32(text.utf8.count))
        self.writeString(text)
    }

    mutating func writeSSHString(_ bytes: ByteBuffer) {
        self.writeInteger(UInt32(bytes.readableBytes))
        self.writeImmutableBuffer(bytes)
    }

    mutating func readSSHString() -> ByteBuffer? {
        guard let length = self.getInteger(at: self.readerIndex, as: UInt32.self),
            self.readableBytes - 4 >= Int(length)
        else { return nil }
        self.moveReaderIndex(forwardBy: 4)
        return self.readSlice(length: Int(length))
    }
}
