extension DeviceClient {
    /// Runs one command on a device of the inventory (or an ad-hoc `user@host:port`). Opens the session on first use; tries again only
    /// what provably did not reach the device, and what only reads if its session was lost: `general.connection_retries` attempts in all,
    /// with growing pauses from `general.retry_delay`.
    ///
    /// The return key of a command that may change something waits for the echo: see `DeviceCommand.waitsForEcho`.
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
        let inventory = self.inventory
        let device = try self.device(named: device, in: inventory)
        // By the platform's list; in doubt a command is a change.
        let isRead = self.isReadOnly(command, platform: device.platform)
        let command = DeviceCommand(command, timeout: timeout, waitsForEcho: !isRead)
        let general = inventory.general
        let backoff = Backoff(base: general.retryDelay)
        var attempt = 1
        while true {
            do throws(DeviceError) {
                guard let credential else {
                    return try await self.withSession(for: device) { session throws(DeviceError) in
                        try await session.run(command)
                    }
                }
                return try await self.runInTemporarySession(device, credential, command)
            } catch {
                let mayRunAgain = error.delivery == .notSent || (isRead && error.code == "session.lost")
                guard mayRunAgain, error.isRetriable, attempt < general.connectionRetries else {
                    throw error
                }
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

    private func runInTemporarySession(
        _ device: Device,
        _ credential: Credential,
        _ command: DeviceCommand
    ) async throws(DeviceError) -> CommandResult {
        do {
            return try await self.withTemporarySession(for: device, credential: credential) {
                try await $0.run(command)
            }
        } catch let error as DeviceError {
            throw error
        } catch {
            throw DeviceError(code: "session.lost", message: "\(device.name): \(error)", delivery: .unknown)
        }
    }

    /// - Throws: `target.unknown`.
    func device(named expression: String) throws(DeviceError) -> Device {
        try self.device(named: expression, in: self.inventory)
    }

    private func device(named expression: String, in inventory: Inventory) throws(DeviceError) -> Device {
        if let device = inventory[expression] { return device }
        if let target = inventory.adHocTarget(expression) { return self.device(for: target, platform: nil) }
        let close = Suggestion.closest(to: expression, among: inventory.deviceNames)
        throw DeviceError(
            code: "target.unknown",
            message:
                "there is no device \(quoted(expression)) in the inventory, and it is no address (`user@host:port`)"
                + Suggestion.sentence(close)
        )
    }
}
