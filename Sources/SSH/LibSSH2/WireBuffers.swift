import NIOCore

/// The bytes between libssh2 and the network.
///
/// libssh2 never sees the socket: its receive callback takes from `inbound`, its send callback appends to `outbound`. With the
/// library's own non-blocking socket I/O a re-key that meets a half-sent packet hangs the session, and a full socket turns
/// later writes into errors; a send that always takes everything rules both out.
///
/// Isolation: belongs to whoever may use the ``LibSSH2Session`` at the time (see there).
///
/// What is touched with each packet is not checked for exclusive access at run time (``SessionCore`` says why): each access is one operation of a
/// buffer, a number or a flag, which calls nothing that could come back here.
final class WireBuffers {
    /// What came from the server and libssh2 hasn't taken yet.
    @exclusivity(unchecked) var inbound = ByteBuffer()
    /// How many bytes of `inbound` the receive callback may hand over now.
    @exclusivity(unchecked) var released = 0
    /// What libssh2 wants sent. Emptied by the owner after each step.
    @exclusivity(unchecked) var outbound = ByteBuffer()
    /// Set before the session is freed: both callbacks then fail, so that freeing never waits for the server.
    @exclusivity(unchecked) var isBroken = false
    /// What the session has allocated, in bytes, and how much that may be: libssh2 keeps every packet that nobody has asked for until the session ends.
    @exclusivity(unchecked) var allocated = 0
    @exclusivity(unchecked) var allocationLimit = 32 * 1024 * 1024
    /// The server's SSH_MSG_DISCONNECT (RFC 4253 §11.1), if one came.
    var disconnect: DisconnectMessage?
    /// Reads the client's own offer of algorithms from what libssh2 sends in plain text.
    @exclusivity(unchecked) var outgoingOffer: KeyExchangeSniffer? = KeyExchangeSniffer(skippingIdentification: true)
    /// The running attempt at `keyboard-interactive`.
    var interactive: InteractiveAnswers?

    /// Adds what the network brought.
    func append(_ buffer: ByteBuffer) {
        if self.inbound.readableBytes == 0 {
            self.inbound = buffer
        } else {
            var buffer = buffer
            self.inbound.writeBuffer(&buffer)
        }
    }
}

/// What a server says when it ends the connection.
struct DisconnectMessage: Sendable, Hashable {
    /// Reason code of RFC 4253 §11.1.
    var reason: UInt32
    var text: String
}
