import CLibSSH2
import NIOCore
import NIOPosix

/// From the TCP connection to the signed-on session.
extension SessionCore {
    /// Starts on a connected channel that this handler has been added to.
    ///
    /// - Parameter completion: called once, with the server's identification string or with why there is no session.
    func establish(_ completion: @escaping (Result<String, SSHError>) -> Void) {
        guard let session = self.session, let transport = self.transport else {
            completion(.failure(self.closeReason ?? self.lost("\(self.endpoint) closed the connection.")))
            return
        }
        self.onEstablished = completion
        let known = self.configuration.hostKeyVerifier.knownAlgorithms(
            host: self.configuration.host, port: self.configuration.port)
        AlgorithmPreferences.apply(self.configuration.algorithms, to: session, knownHostKeys: known)
        let bound = self.configuration.timeouts.handshake
        self.startTimer(bound) { core in
            let message =
                if case .identifying = core.phase {
                    "\(core.endpoint) did not identify itself as an SSH server within \(bound.brief)."
                } else {
                    "\(core.endpoint) did not finish the key exchange within \(bound.brief)."
                }
            return SSHError(.handshake, message)
        }
        // Both sides identify themselves at once; the first step sends our line.
        _ = session.handshake()
        self.flush()
        transport.setReading(true)
    }

    private func startTimer(_ bound: Duration, _ error: @escaping (SessionCore) -> SSHError) {
        self.phaseTimer?.cancel()
        self.phaseTimer = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(bound)) {
            self.shutDown(reason: error(self))
        }
    }

    // MARK: - Identification and key exchange

    func identify(_ wire: WireBuffers) {
        switch self.identification.consume(&wire.inbound) {
        case .incomplete:
            break
        case .identified(let text):
            self.serverIdentification = text
            self.enter(.keyExchange)
        case .rejected(let reason):
            self.shutDown(reason: SSHError(.handshake, "\(self.endpoint) is not an SSH 2 server: \(reason)."))
        }
    }

    func stepKeyExchange(_ session: LibSSH2Session) {
        // Everything up to the first KEXINIT is plain text; the sniffer stops by itself.
        self.incomingOffer.consume(session.wire.inbound.readableBytesView)
        switch session.handshake() {
        case .pending:
            break
        case .failed(let failure):
            self.shutDown(reason: self.sessionFailed(failure))
        case .ready:
            self.checkHostKey(session)
        }
    }

    private func checkHostKey(_ session: LibSSH2Session) {
        guard let key = session.hostKey else {
            self.shutDown(reason: SSHError(.handshake, "\(self.endpoint) showed no host key that can be read."))
            return
        }
        do throws(SSHError) {
            try self.configuration.hostKeyVerifier.verify(
                key, host: self.configuration.host, port: self.configuration.port)
        } catch {
            self.shutDown(reason: error, farewell: (SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE, "host key not accepted"))
            return
        }
        self.enter(.authenticating)
        let bound = self.configuration.timeouts.authentication
        self.startTimer(bound) { core in
            SSHError(
                .authenticationTimeout,
                "\(core.endpoint) did not finish the authentication of \(core.configuration.username) within \(bound.brief)."
            )
        }
        self.authenticationStep = self.plan.start(server: self.serverIdentification)
        self.stepAuthentication(session)
    }

    // MARK: - Authentication

    func stepAuthentication(_ session: LibSSH2Session) {
        let username = self.configuration.username
        while case .authenticating = self.phase, let step = self.authenticationStep {
            switch step {
            case .askMethods:
                switch session.offeredMethods(username: username) {
                case .pending: return
                case .failed(let failure): return self.shutDown(reason: self.sessionFailed(failure))
                case .ready(.authenticated): return self.authenticated()
                case .ready(.methods(let methods)): self.authenticationStep = self.plan.offered(methods)
                }
            case .password(let password):
                guard self.judge(session.authenticate(username: username, password: password), "password") else {
                    return
                }
            case .keyboardInteractive(let answers):
                // Taken over by the callback, round by round.
                if session.wire.interactive == nil { session.wire.interactive = answers }
                let progress = session.authenticateInteractively(username: username)
                if session.wire.interactive?.wantsNewPassword == true {
                    // The answers to that round are not sent.
                    session.wire.outbound.clear()
                    return self.shutDown(reason: self.plan.passwordExpired())
                }
                if case .pending = progress { return }
                let questions = session.wire.interactive?.unanswered.map { "\"\($0)\"" } ?? []
                session.wire.interactive = nil
                let remark = questions.isEmpty ? "" : ", with no answer to \(questions.joined(separator: " and "))"
                guard self.judge(progress, "keyboard-interactive" + remark) else { return }
            case .publicKey(let key, let signature):
                return self.authenticate(key, signature: signature)
            case .agentKey(let key, let signature):
                guard self.stepAgent(session, key, signature) else { return }
            case .fail(let error):
                return self.shutDown(
                    reason: error, farewell: (SSH_DISCONNECT_AUTH_CANCELLED_BY_USER, "authentication gave up"))
            }
        }
    }

    /// Works out the next step from the result of an attempt. `false`: nothing more to do for now.
    private func judge(_ progress: LibSSH2Progress<Void>, _ method: String) -> Bool {
        switch progress {
        case .pending:
            return false
        case .ready:
            self.authenticated()
            return false
        case .failed(let failure) where failure.endsSession || failure.isBrokenConnection:
            self.shutDown(reason: self.sessionFailed(failure))
            return false
        case .failed(let failure) where failure.code == LIBSSH2_ERROR_PASSWORD_EXPIRED:
            // SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 §8).
            self.authenticationStep = .fail(self.plan.passwordExpired())
            return true
        case .failed:
            self.authenticationStep = self.plan.rejected(method)
            return true
        }
    }

    /// Signing (up to milliseconds) and parsing a key (much more) take too long for an event loop that serves other sessions: a
    /// thread pool does it.
    private func authenticate(_ key: PreparedKey, signature: String?) {
        guard let lent = self.lend() else { return }
        let username = self.configuration.username
        NIOThreadPool.singleton.runIfActive(eventLoop: self.eventLoop) {
            if let parsed = key.parsed {
                parsed.authenticate(lent.session, username: username, signature: signature)
            } else {
                lent.session.authenticate(username: username, key: key.text, passphrase: key.passphrase)
            }
        }.assumeIsolated().whenComplete { result in
            guard let session = self.takeBack() else { return }
            switch result {
            case .failure(let error):
                return self.shutDown(reason: self.lost("No thread to sign on with: \(error)."))
            case .success(.pending):
                // The next step is due when there is more input, which may have come in the meantime.
                self.flush()
                if session.wire.inbound.readableBytes == 0 { return }
            case .success(.ready):
                self.authenticated()
            case .success(.failed(let failure)):
                self.keyRejected(failure, key)
            }
            self.pump()
        }
    }

    /// `false`: nothing more to do for now.
    private func stepAgent(_ session: LibSSH2Session, _ key: AgentKey, _ signature: String?) -> Bool {
        let signing = self.agentSigning ?? AgentSigning(key, signature: signature)
        self.agentSigning = signing
        let progress = signing.authenticate(session, username: self.configuration.username)
        switch progress {
        case .pending:
            guard let request = signing.takeRequest() else { return false }
            // The timer of the phase bounds the wait; this one only makes sure that the agent's socket is closed.
            let promise = self.eventLoop.makePromise(of: ByteBuffer.self)
            promise.futureResult.assumeIsolated().whenComplete { [weak self] result in
                signing.answer(try? result.get())
                self?.pump()
            }
            AgentRequest.send(
                request, to: key.socket, bound: self.configuration.timeouts.authentication, on: self.eventLoop,
                promise)
            return false
        case .ready:
            self.agentSigning = nil
            self.authenticated()
            return false
        case .failed(let failure):
            self.agentSigning = nil
            if failure.isRejection {
                self.authenticationStep = self.plan.rejected("publickey", isRSAKey: key.isRSA)
            } else if failure.isBrokenConnection {
                self.shutDown(reason: self.sessionFailed(failure))
            } else {
                self.authenticationStep = self.plan.keyFailed(
                    SSHError(.authenticationKey, "The SSH agent did not sign with its key \"\(key.comment)\"."))
            }
            return true
        }
    }

    private func keyRejected(_ failure: LibSSH2Failure, _ key: PreparedKey) {
        if failure.isRejection {
            self.authenticationStep = self.plan.rejected("publickey", isRSAKey: key.isRSA)
        } else if failure.isBrokenConnection {
            self.shutDown(reason: self.sessionFailed(failure))
        } else {
            self.authenticationStep = self.plan.keyFailed(
                PreparedKey.unusable(key.name, hasPassphrase: key.passphrase != nil, failure.message))
        }
    }

    private func authenticated() {
        self.phaseTimer?.cancel()
        self.phaseTimer = nil
        self.authenticationStep = nil
        self.enter(.open)
        // Only failures before this point need them.
        self.incomingOffer = KeyExchangeSniffer(skippingIdentification: true)
        self.session?.wire.outgoingOffer = nil
        self.logger.debug(
            "SSH session open", metadata: ["host": "\(self.endpoint)", "server": "\(self.serverIdentification)"])
        self.startWatch()
        let onEstablished = self.onEstablished
        self.onEstablished = nil
        onEstablished?(.success(self.serverIdentification))
    }
}
