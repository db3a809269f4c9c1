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
        let sources = try self.sources(of: target)
        let first: ResolvedLogin
        do throws(SecretFailure) {
            first = try await sources.login(from: self.store)
        } catch {
            throw error.deviceError(target.device.name)
        }
        do throws(DeviceError) {
            return try await self.open(sources, first, report)
        } catch {
            guard Self.mayBeStale(error), !first.fetched.isEmpty else { throw error }
            let second: ResolvedLogin
            do throws(SecretFailure) {
                second = try await sources.login(from: self.store, newerThan: first.fetched)
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
            return try await self.open(sources, second, report)
        }
    }

    private func sources(of target: SessionTarget) throws(DeviceError) -> LoginSources {
        try LoginSources(of: target, in: self.inventory.withLockedValue { $0 }, self.credentials)
    }

    /// Whether another secret might have been taken.
    private static func mayBeStale(_ error: DeviceError) -> Bool {
        ["auth.failed", "auth.key", "privilege.denied"].contains(error.code)
    }

    private func open(
        _ sources: LoginSources, _ resolved: ResolvedLogin, _ report: @escaping @Sendable (SessionEvent) -> Void
    ) async throws(DeviceError) -> DeviceSession {
        let name = sources.target.device.name
        let executor = self.executor(name)
        let (session, login) = try self.session(sources, resolved, on: executor.eventLoop, report)
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
                    device: name,
                    waited: begin.duration(to: admitted ?? end),
                    handshake: session.handshake.withLockedValue { $0 },
                    elapsed: admitted.map { $0.duration(to: end) },
                    error: failure))
        }
        if let failure { throw failure }
        self.onEvent(
            DeviceEvent(
                device: name,
                kind: .sessionOpened(session: session.id, elapsed: begin.duration(to: .now))))
        return session
    }

    /// Makes the session, which isn't open yet. Never part of the frame of the asynchronous function, which would hold the whole plan for as long as the
    /// login waits for its turn: when a worker starts, thousands do.
    @inline(never)
    private func session(
        _ sources: LoginSources, _ resolved: ResolvedLogin, on eventLoop: any EventLoop,
        _ report: @escaping @Sendable (SessionEvent) -> Void
    ) throws(DeviceError) -> (session: DeviceSession, login: LoginRequest) {
        var (plan, login) = try self.factory.plan(
            for: sources.target.device, in: sources.inventory, with: resolved.own.credential, through: resolved.hops)
        plan.mayWrite = self.mayWrite()
        if !resolved.own.fetched.isEmpty {
            plan.replacedAuthentication = { [store] in await Self.replaced(sources, resolved, store) }
        }
        return (DeviceSession(plan, on: eventLoop, logger: self.logger, report: report), login)
    }

    /// What authenticates the same user by now; `nil` if nothing has been replaced, or nobody can know.
    private static func replaced(
        _ sources: LoginSources, _ old: ResolvedLogin, _ store: SecretStore
    ) async -> [SSHAuthentication]? {
        guard let new = try? await ResolvedCredential(sources.layers, from: store, newerThan: old.own.fetched),
            new.credential.user == old.own.credential.user, new.digest != old.own.digest
        else { return nil }
        return new.credential.methods
    }
}
