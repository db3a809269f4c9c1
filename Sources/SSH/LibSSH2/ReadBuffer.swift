import CLibSSH2
import NIOCore
import NIOPosix

/// Room for what one read takes from libssh2.
///
/// Nothing stays in it beyond the read, so that one serves all sessions of a thread: an allocation of this size for each read would cost as
/// much as the read itself, and one kept in each session half as much memory as libssh2's own.
enum ReadBuffer {
    /// The largest data packet.
    static let size = Int(LIBSSH2_CHANNEL_PACKET_DEFAULT)

    /// Sendable without the compiler's proof: only ``read(_:stream:)`` gets hold of one, through a variable that each thread has for itself,
    /// and gives it to nobody.
    private final class Room: @unchecked Sendable {
        var bytes = [UInt8](repeating: 0, count: ReadBuffer.size)
    }

    private static let room = ThreadSpecificVariable<Room>()

    private static var roomOfThread: Room {
        if let room = self.room.currentValue { return room }
        let room = Room()
        self.room.currentValue = room
        return room
    }

    /// The next piece of a stream, in storage of its own size. Empty at the end of the stream.
    static func read(_ channel: LibSSH2Channel, stream: Int32) -> LibSSH2Progress<ByteBuffer> {
        let room = self.roomOfThread
        return room.bytes.withUnsafeMutableBytes { bytes in
            switch channel.read(stream: stream, into: bytes) {
            case .pending: .pending
            case .failed(let failure): .failed(failure)
            case .ready(let count): .ready(ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<count])))
            }
        }
    }
}
