import CLibSSH2
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the end of the connection means in each phase.
extension SessionCore {
    func lost(_ message: String) -> SSHError { SSHError(.sessionLost, message) }

    /// The server closed the TCP connection.
    func inputEnded() -> SSHError {
        if let farewell = self.farewellOfServer { return self.ended(by: farewell) }
        switch self.phase {
        case .identifying:
            let words = self.identification.firstLine.map { "after sending \"\($0)\"; is it an SSH server?" }
            return SSHError(
                .handshake,
                "\(self.endpoint) closed the connection "
                    + (words ?? "without identifying itself; does it have too many sessions, or an access list?"))
        case .keyExchange:
            return SSHError(.handshake, "\(self.endpoint) closed the connection during key exchange.")
        case .authenticating where self.plan.hasBeenRejected:
            return SSHError(
                .authenticationFailed,
                "\(self.endpoint) rejected user \(self.configuration.username) and closed the connection.")
        case .authenticating, .open, .closed:
            return self.lost("\(self.endpoint) closed the connection.")
        }
    }

    /// The socket failed.
    func transportFailed(_ error: any Error) -> SSHError {
        if let farewell = self.farewellOfServer { return self.ended(by: farewell) }
        let code = (error as? IOError)?.errnoCode
        // A server that closes without having read our identification resets the connection.
        if code == ECONNRESET, case .identifying = self.phase { return self.inputEnded() }
        let reason: String
        if code == ETIMEDOUT {
            reason = "\(self.endpoint) has not answered for \(self.configuration.timeouts.silence.brief)."
        } else if code == ECONNRESET || code == EPIPE {
            reason = "\(self.endpoint) reset the connection."
        } else {
            reason = "The connection to \(self.endpoint) failed: \(error)."
        }
        switch self.phase {
        case .identifying, .keyExchange: return SSHError(.handshake, reason)
        case .authenticating, .open, .closed: return self.lost(reason)
        }
    }

    /// libssh2 can't go on with the session.
    func sessionFailed(_ failure: LibSSH2Failure) -> SSHError {
        if let farewell = self.farewellOfServer { return self.ended(by: farewell) }
        switch self.phase {
        case .identifying, .keyExchange:
            return self.keyExchangeFailed(failure)
        case .authenticating, .open, .closed:
            if failure.code == LIBSSH2_ERROR_SOCKET_DISCONNECT { return self.inputEnded() }
            return self.lost("The session with \(self.endpoint) broke: \(failure.message).")
        }
    }

    private var farewellOfServer: DisconnectMessage? {
        // The wire belongs to the borrower while the session is lent.
        self.isLent ? nil : self.session?.wire.disconnect ?? self.incomingOffer.disconnect
    }

    private func ended(by farewell: DisconnectMessage) -> SSHError {
        let words = farewell.text.isEmpty ? "reason \(farewell.reason)" : "\"\(farewell.text)\""
        let message = "\(self.endpoint) ended the connection: \(words)."
        switch self.phase {
        case .identifying, .keyExchange:
            return SSHError(.handshake, message)
        case .authenticating:
            // OpenSSH ends the connection with "Too many authentication failures" instead of an answer to the last attempt.
            let isVerdict =
                self.plan.hasBeenRejected || farewell.reason == UInt32(SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE)
                || farewell.text.lowercased().contains("authentication")
            return isVerdict ? SSHError(.authenticationFailed, message) : self.lost(message)
        case .open, .closed:
            return self.lost(message)
        }
    }

    /// Tells "no common algorithm" from other failures of the key exchange, for which libssh2 has one code.
    private func keyExchangeFailed(_ failure: LibSSH2Failure) -> SSHError {
        if let server = self.incomingOffer.offer, let client = self.session?.wire.outgoingOffer?.offer,
            let list = AlgorithmOffer.mismatch(client: client, server: server)
        {
            return SSHError(
                .algorithms,
                "No common \(list.name) with \(self.endpoint): it offers \(server.shown(list)); "
                    + "libssh2 \(LibSSH2Library.version) offers \(client.shown(list))."
                    + (self.configuration.algorithms == .standard
                        && AlgorithmPreferences.legacyHelps(list, server: server)
                        ? " The legacy algorithms have one of them: `legacy_algorithms: true` in the inventory allows "
                            + "them for this device." : ""))
        }
        return SSHError(.handshake, "The key exchange with \(self.endpoint) failed: \(failure.message).")
    }
}
