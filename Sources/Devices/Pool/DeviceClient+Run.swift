import Dialogue

extension DeviceClient {
    /// Runs one command on a device of the inventory (or an ad-hoc `user@host:port`). Opens the session on first use; tries again only
    /// what provably did not reach the device, and what only reads if its session was lost: `general.connection_retries` attempts in all,
    /// with growing pauses from `general.retry_delay`.
    ///
    /// The return key of a command that may change something waits for the echo: see `DeviceCommand.waitsForEcho`.
    /// If the command leaves the device in another mode, it is led back to the platform's default mode.
    ///
    /// With a `credential` the command runs in a session of its own, opened with it and closed afterwards.
    ///
    /// - Parameter timeout: For the command; `nil`: `general.timeout` of the inventory. Opening a session has bounds of its own.
    /// - Throws: `target.unknown`, why no session could be opened, or why there is no complete answer. A command that the device rejects is a result
    ///   with `failure` set.
    public func run(
        _ device: String,
        _ command: String,
        timeout: Duration? = nil,
        credential: Credential? = nil
    ) async throws(DeviceError) -> CommandResult {
        try await self.run(
            device, DeviceCommand(command, timeout: timeout), choosesGate: true, credential: credential)
    }

    /// Runs one command, with all that a ``DeviceCommand`` can say about it.
    public func run(
        _ device: String,
        _ command: DeviceCommand,
        credential: Credential? = nil
    ) async throws(DeviceError) -> CommandResult {
        try await self.run(device, command, choosesGate: false, credential: credential)
    }

    /// - Parameter choosesGate: Whether the return key waits for the echo as the platform's list of what only reads says: in doubt a command is a change.
    private func run(
        _ name: String,
        _ command: DeviceCommand,
        choosesGate: Bool,
        credential: Credential?
    ) async throws(DeviceError) -> CommandResult {
        var command = command
        var failure: DeviceError?
        // Nearly always the session is open, and nothing has to be looked up.
        if credential == nil, let lease = self.pool.leaseKnown(name) {
            defer { self.pool.release(lease) }
            if choosesGate { command.waitsForEcho = !lease.session.plan.platform.isRead(command) }
            do throws(DeviceError) {
                return try await lease.session.runAlone(command, isLeased: true)
            } catch {
                failure = error
            }
        }
        let generation = self.pool.generation
        let device: Device
        do throws(DeviceError) {
            device = try self.device(named: name)
        } catch {
            throw failure ?? error
        }
        let isRead = self.library.platform(named: device.platform)?.isRead(command) ?? false
        if choosesGate { command.waitsForEcho = !isRead }
        return try await self.perform(
            on: device, generation: name == device.name ? generation : nil, credential: credential, isRead: isRead,
            after: failure
        ) { session throws(DeviceError) in
            try await session.runAlone(command, isLeased: true)
        }
    }

    /// As the other one, on a device of the inventory or an ad-hoc target.
    func perform<Result: Sendable>(
        on name: String,
        credential: Credential?,
        isRead: Bool = false,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        try await self.perform(
            on: try self.device(named: name), generation: nil, credential: credential, isRead: isRead, after: nil, body)
    }

    /// Runs `body` on a device's session; again on a new one, if it throws an error that may pass and says that nothing reached the device, or
    /// if it only reads and its session was lost.
    ///
    /// - Parameters:
    ///   - generation: Of the inventory, read before it was asked for the device; `nil` when the device isn't simply one of the inventory.
    ///   - failure: How a first attempt has ended.
    private func perform<Result: Sendable>(
        on device: Device,
        generation: UInt64?,
        credential: Credential?,
        isRead: Bool,
        after failure: DeviceError?,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        let general = self.inventory.general
        let backoff = Backoff(base: general.retryDelay)
        var failure = failure
        var attempt = 1
        while true {
            if let error = failure {
                let mayRunAgain = error.delivery == .notSent || (isRead && error.code == "session.lost")
                guard mayRunAgain, !error.sessionIsInStep, error.isRetriable, attempt < general.connectionRetries
                else { throw error }
                let pause = backoff.pause(after: attempt)
                self.logger.info(
                    "trying again",
                    metadata: [
                        "device": "\(device.name)", "attempt": "\(attempt)", "pause": "\(pause)", "error": "\(error)",
                    ]
                )
                do {
                    // A pause that somebody asked for, no wait for something: only the caller's cancellation ends it earlier.
                    try await Task.sleep(for: pause)
                } catch {
                    throw DeviceError.cancelled(device.name)
                }
                attempt += 1
            }
            do throws(DeviceError) {
                guard let credential else {
                    return try await self.withSession(for: device, generation: generation, body)
                }
                return try await self.inTemporarySession(device, credential, body)
            } catch {
                failure = error
            }
        }
    }

    private func inTemporarySession<Result: Sendable>(
        _ device: Device,
        _ credential: Credential,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        do {
            return try await self.withTemporarySession(for: device, credential: credential) { try await body($0) }
        } catch let error as DeviceError {
            throw error
        } catch {
            throw DeviceError(code: "session.lost", message: "\(device.name): \(error)", delivery: .unknown)
        }
    }

    /// - Throws: `target.unknown`.
    func device(named expression: String) throws(DeviceError) -> Device {
        let inventory = self.inventory
        if let device = inventory[expression] { return device }
        if let target = inventory.adHocTarget(expression) { return self.device(for: target, platform: nil) }
        throw self.unknownTarget(expression)
    }

    func unknownTarget(_ expression: String) -> DeviceError {
        let close = Suggestion.closest(to: expression, among: self.inventory.deviceNames)
        return DeviceError(
            code: "target.unknown",
            message:
                "there is no device \(quoted(expression)) in the inventory, and it is no address (`user@host:port`)"
                + Suggestion.sentence(close)
        )
    }
}

extension PlatformDefinition {
    /// Whether a command only reads, by the platform's list of such commands, and asks for nothing besides.
    fileprivate func isRead(_ command: DeviceCommand) -> Bool {
        command.mode == nil && command.answers.isEmpty && !command.endsSession && self.isReadOnly(command.text)
    }
}
