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
        let device = try self.device(named: device)
        // By the platform's list; in doubt a command is a change.
        let isRead = self.isReadOnly(command, platform: device.platform)
        let command = DeviceCommand(command, timeout: timeout, waitsForEcho: !isRead)
        return try await self.perform(on: device, credential: credential, isRead: isRead) {
            session throws(DeviceError) in
            try await session.runAlone(command)
        }
    }

    /// Runs one command, with all that a ``DeviceCommand`` can say about it.
    public func run(
        _ device: String,
        _ command: DeviceCommand,
        credential: Credential? = nil
    ) async throws(DeviceError) -> CommandResult {
        let device = try self.device(named: device)
        let isRead =
            command.mode == nil && command.answers.isEmpty && !command.endsSession
            && self.isReadOnly(command.text, platform: device.platform)
        return try await self.perform(on: device, credential: credential, isRead: isRead) {
            session throws(DeviceError) in
            try await session.runAlone(command)
        }
    }

    /// As the other one, on a device of the inventory or an ad-hoc target.
    func perform<Result: Sendable>(
        on name: String,
        credential: Credential?,
        isRead: Bool = false,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        try await self.perform(on: try self.device(named: name), credential: credential, isRead: isRead, body)
    }

    /// Runs `body` on a device's session; again on a new one, if it throws an error that may pass and says that nothing reached the device, or
    /// if it only reads and its session was lost.
    private func perform<Result: Sendable>(
        on device: Device,
        credential: Credential?,
        isRead: Bool,
        _ body: (DeviceSession) async throws(DeviceError) -> Result
    ) async throws(DeviceError) -> Result {
        let general = self.inventory.general
        let backoff = Backoff(base: general.retryDelay)
        var attempt = 1
        while true {
            do throws(DeviceError) {
                guard let credential else { return try await self.withSession(for: device, body) }
                return try await self.inTemporarySession(device, credential, body)
            } catch {
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
                    try await Task.sleep(for: pause)
                } catch {
                    throw DeviceError.cancelled(device.name)
                }
                attempt += 1
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
