import Dialogue
import Logging
import NIOCore
import SSH

/// From the first packet to the last one.
extension DeviceSession {
    /// Connects, authenticates and signs on. On a throw nothing is left open.
    func open() async throws(DeviceError) {
        do throws(SSHError) {
            let start = ContinuousClock.now
            let connection = try await SSHConnection.connect(
                self.plan.connection, on: self.eventLoop, logger: self.logger)
            self.connection = connection
            self.handshake.withLockedValue { $0 = start.duration(to: .now) }
            // Weak, here and in the shell's events: a session that nobody holds any more is to go, and its connection with it.
            connection.closeFuture.whenSuccess { [weak self] reason in self?.assumeIsolated { $0.lost(reason) } }
        } catch {
            throw DeviceError(error, device: self.device.name)
        }
        do throws(DeviceError) {
            if Task.isCancelled { throw DeviceError.cancelled(self.device.name) }
            if self.plan.platform.transport == .terminal { try await self.signOnToTerminal() }
            if let refusal = self.queue.refusal { throw refusal }
        } catch {
            self.shutDown(error)
            await self.closing?.value
            throw error
        }
        self.acceptsCommands.withLockedValue { $0 = true }
        self.isReporting = true
        self.startKeepalive()
        self.logger.debug("session open", metadata: ["device": "\(self.device.name)", "session": "\(self.id)"])
    }

    /// The shell or the connection has ended.
    func lost(_ reason: SSHError?) {
        guard self.closing == nil else { return }
        self.completeEndingCommand()
        let message = reason?.message ?? "the device ended the session"
        let waiting = DeviceError(code: "session.lost", message: "\(self.device.name): \(message)")
        let interrupted = self.interruptionError(isInStep: false)
        let running =
            interrupted
            ?? DeviceError(
                code: "session.lost",
                message: "\(self.device.name): the session was lost in the middle of the command: \(message)",
                delivery: self.runningDelivery,
                partialOutput: self.collected
            )
        self.shutDown(waiting, running: running)
    }

    /// Takes no commands any more, ends all that there are, and closes the connection. Only the first call does something.
    func shutDown(_ error: DeviceError, running: DeviceError? = nil) {
        guard self.closing == nil else { return }
        self.acceptsCommands.withLockedValue { $0 = false }
        let delivery = self.runningDelivery
        let waiting = self.queue.refuse(error)
        let interrupted = self.queue.finish()
        self.commandTimer?.cancel()
        self.keepaliveTimer?.cancel()
        self.interruption?.timer?.cancel()
        self.interruption = nil
        self.stopDialogueTimer()
        self.dialogueTimer?.scheduled.cancel()
        self.execution?.cancel()
        self.logger.debug(
            "session closing",
            metadata: ["device": "\(self.device.name)", "session": "\(self.id)", "reason": "\(error.code)"]
        )
        self.tell(.closing(self, running ?? error))
        self.hangUp()

        let connection = self.connection
        let shell = self.shell
        self.closing = Task {
            // What has been written before (an interrupt, a farewell) leaves before the channel closes.
            shell?.close()
            await connection?.close()
            self.shell = nil
            self.connection = nil
            self.tell(.closed)
        }

        interrupted?.resume(
            returning: .failure(
                running
                    ?? DeviceError(
                        code: error.code, message: error.message, delivery: delivery, partialOutput: self.collected)
            )
        )
        self.collected = []
        for request in waiting { request.resume(returning: .failure(error)) }
        self.signOn?.resume(returning: .failure(error))
        self.signOn = nil
    }

    /// Asks whether the device is still this process's to talk to, and closes the session if it isn't.
    func mayWrite() -> Bool {
        guard !self.plan.mayWrite() else { return true }
        let message = "\(self.device.name): the session was closed because the device may be another worker's by now"
        let running = DeviceError(
            code: "session.closed", message: message, delivery: self.runningDelivery, partialOutput: self.collected)
        // It isn't even taken leave of.
        self.machine = nil
        self.shutDown(DeviceError(code: "session.closed", message: message), running: running)
        return false
    }

    /// Whether the running command has reached the device, as far as anybody can know.
    var runningDelivery: DeviceError.Delivery {
        switch self.plan.platform.transport {
        case .terminal: self.machine?.commandWasSubmitted == false ? .notSent : .unknown
        case .exec: .unknown
        }
    }
}
