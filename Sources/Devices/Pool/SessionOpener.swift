import Logging
import NIOConcurrencyHelpers
import NIOCore
import SSH

/// Opens sessions: gets what to log in with, passes the guards of logins, and tries once more if the device refused a secret that has been replaced since it
/// was fetched.
struct SessionOpener: Sendable {
    let factory: SessionFactory
    let credentials: CredentialResolver
    let store: SecretStore
    let gate: LoginGate
    let inventory: NIOLockedValueBox<Inventory>
    let mayWrite: @Sendable () -> @Sendable () -> Bool
    let executor: @Sendable (_ device: String) -> EventLoopTaskExecutor
    let onEvent: @Sendable (DeviceEvent) -> Void
    /// Hears of every attempt, if somebody wants to.
    let onLogin: @Sendable () -> (@Sendable (LoginReport) -> Void)?
    let logger: Logger

    /// - Throws: `credential.unavailable`, `auth.…`, and all that an opening can fail with.
    func open(
        _ target: SessionTarget, report: @escaping @Sendable (SessionEvent) -> Void
    ) async throws(DeviceError) -> DeviceSession {
        let inventory = self.inventory.withLockedValue { $0 }
        let layers = self.credentials.layers(for: target.device, in: inventory, override: target.override)
        let hops = try inventory.jumpHosts(to: target.device)
        let first: ResolvedLogin
        do throws(SecretFailure) {
            first = try await ResolvedLogin(layers, through: hops, in: inventory, self.credentials, from: self.store)
        } catch {
            throw error.deviceError(target.device.name)
        }
        do throws(DeviceError) {
            return try await self.open(target, inventory, layers, first, report)
        } catch {
            guard Self.mayBeStale(error), !first.fetched.isEmpty else { throw error }
            let second: ResolvedLogin
            do throws(SecretFailure) {
                second = try await ResolvedLogin(
                    layers, through: hops, in: inventory, self.credentials, from: self.store, newerThan: first.fetched)
            } catch let failure {
                if failure.isCancellation { throw DeviceError.cancelled(target.device.name) }
                throw DeviceError(
                    code: error.code,
                    message: "\(error.message) (whether the secret has been replaced isn't known: \(failure.message))")
            }
            // The same again would be the same refusal, and one more towards a locked account.
            guard second.digests != first.digests else { throw error }
            self.logger.info(
                "the credential has been replaced: logging in with the new one",
                metadata: ["device": "\(target.device.name)", "error": "\(error.code)"])
            return try await self.open(target, inventory, layers, second, report)
        }
    }

    /// Whether another secret might have been taken.
    private static func mayBeStale(_ error: DeviceError) -> Bool {
        ["auth.failed", "auth.key", "privilege.denied"].contains(error.code)
    }

    private func open(
        _ target: SessionTarget, _ inventory: Inventory, _ layers: CredentialLayers, _ resolved: ResolvedLogin,
        _ report: @escaping @Sendable (SessionEvent) -> Void
    ) async throws(DeviceError) -> DeviceSession {
        let device = target.device
        var (plan, login) = try self.factory.plan(
            for: device, in: inventory, with: resolved.own.credential, through: resolved.hops)
        plan.mayWrite = self.mayWrite()
        if !resolved.own.fetched.isEmpty {
            plan.replacedAuthentication = { [store] in await Self.replaced(layers, resolved.own, store) }
        }
        let executor = self.executor(device.name)
        let session = DeviceSession(plan, on: executor.eventLoop, logger: self.logger, report: report)
        let begin = ContinuousClock.now
        let gate = self.gate
        var admitted: ContinuousClock.Instant?
        let failure = await withTaskExecutorPreference(executor) { () async -> DeviceError? in
            do throws(DeviceError) {
                try await gate.pass(login) { () async throws(DeviceError) in
                    admitted = .now
                    try await session.open()
                }
                return nil
            } catch {
                return error
            }
        }
        if let listener = self.onLogin() {
            let end = ContinuousClock.now
            listener(
                LoginReport(
                    device: device.name,
                    waited: begin.duration(to: admitted ?? end),
                    handshake: session.handshake.withLockedValue { $0 },
                    elapsed: admitted.map { $0.duration(to: end) },
                    error: failure))
        }
        if let failure { throw failure }
        self.onEvent(
            DeviceEvent(
                device: device.name,
                kind: .sessionOpened(session: session.id, elapsed: begin.duration(to: .now))))
        return session
    }

    /// What authenticates the same user by now; `nil` if nothing has been replaced, or nobody can know.
    private static func replaced(
        _ layers: CredentialLayers, _ old: ResolvedCredential, _ store: SecretStore
    ) async -> [SSHAuthentication]? {
        guard let new = try? await ResolvedCredential(layers, from: store, newerThan: old.fetched),
            new.credential.user == old.credential.user, new.digest != old.digest
        else { return nil }
        return new.credential.methods
    }
}
