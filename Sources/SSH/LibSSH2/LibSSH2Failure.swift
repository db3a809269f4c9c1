import CLibSSH2

/// How far a libssh2 operation that can't block has come.
enum LibSSH2Progress<Value> {
    /// Not finished; the same operation must be called again with the same arguments once there is more input.
    case pending
    case ready(Value)
    case failed(LibSSH2Failure)
}

/// What libssh2 says of an operation that failed.
struct LibSSH2Failure: Sendable, Hashable {
    /// `LIBSSH2_ERROR_…`.
    var code: Int32
    /// The library's own words, taken right after the failing call.
    var message: String

    /// Whether the connection as a whole is beyond use, not just this operation.
    var endsSession: Bool {
        switch self.code {
        case LIBSSH2_ERROR_INVALID_MAC, LIBSSH2_ERROR_ALLOC, LIBSSH2_ERROR_SOCKET_SEND,
            LIBSSH2_ERROR_KEX_FAILURE, LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE, LIBSSH2_ERROR_HOSTKEY_INIT,
            LIBSSH2_ERROR_HOSTKEY_SIGN, LIBSSH2_ERROR_DECRYPT, LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_PROTO,
            LIBSSH2_ERROR_SOCKET_TIMEOUT, LIBSSH2_ERROR_BAD_USE, LIBSSH2_ERROR_COMPRESS,
            LIBSSH2_ERROR_OUT_OF_BOUNDARY, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_ENCRYPT,
            LIBSSH2_ERROR_BAD_SOCKET, LIBSSH2_ERROR_ZLIB:
            true
        default:
            false
        }
    }

    /// Whether the server said no to a credential. Partial success (RFC 4252 §5.1) comes as the same codes; so does a connection
    /// that ends while the answer is awaited, told apart by the library's words only.
    var isRejection: Bool {
        (self.code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || self.code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
            && !self.message.hasPrefix("Waiting for")
    }

    /// Whether an attempt to sign on with a key failed for another reason than the key, whose parser has the same codes as the
    /// protocol.
    var isBrokenConnection: Bool {
        switch self.code {
        case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED: !self.isRejection
        case LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_SEND,
            LIBSSH2_ERROR_INVALID_MAC, LIBSSH2_ERROR_TIMEOUT, LIBSSH2_ERROR_BAD_USE:
            true
        default: false
        }
    }
}

extension LibSSH2Progress: Sendable where Value: Sendable {}
