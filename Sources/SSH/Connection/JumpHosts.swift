import Logging
import NIOConcurrencyHelpers
import NIOCore

/// The connections to jump hosts that sessions share: per event loop, address, user and credentials.
///
/// A connection lives as long as a session goes through it. Safe from any thread.
final class JumpHosts: Sendable {
    static let shared = JumpHosts()

    /// Who may share a connection. The host key is checked again for everyone who joins.
    private struct Key: Hashable {
        let eventLoop: ObjectIdentifier
        let hops: [Hop]

        struct Hop: Hashable {
            let host: String
            let port: Int
            let username: String
            let authentication: [SSHAuthentication]
            let algorithms: AlgorithmProfile
            let sourceAddress: String?
        }

        init(_ configuration: SSHConfiguration, _ eventLoop: any EventLoop) {
            self.eventLoop = ObjectIdentifier(eventLoop)
            self.hops = (configuration.via + [configuration]).map { hop in
                Hop(
                    host: hop.host, port: hop.port, username: hop.username, authentication: hop.authentication,
                    algorithms: hop.algorithms, sourceAddress: hop.sourceAddress)
            }
        }
    }

    private struct Entry {
        weak var connection: SSHConnection?
    }

    private struct State {
        var open: [Key: [Entry]] = [:]
        /// Those who wait for a connection that one of them is making.
        var waiting: [Key: [UInt64: CheckedContinuation<SSHError?, Never>]] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// Tunnels through one connection. More need another one.
    private static let maximumTunnels = 200

    /// A connection to the last hop of `configuration`, an open one where there is one with room.
    ///
    /// - Throws: the code of the phase that failed; the message names the jump host.
    func connection(
        _ configuration: SSHConfiguration, on eventLoop: any EventLoop, logger: Logger
    ) async throws(SSHError) -> SSHConnection {
        let key = Key(configuration, eventLoop)
        while true {
            if Task.isCancelled { throw SSHError(.cancelled, "The connection attempt was cancelled.") }
            for candidate in self.candidates(key) {
                switch await candidate.admission(configuration.hostKeyVerifier, maximum: Self.maximumTunnels) {
                case .success(true): return candidate
                case .success(false): continue
                case .failure(let error): throw Self.named(configuration, error)
                }
            }
            // Only one connects; the others hear how that went.
            switch await self.turn(key) {
            case .first: break
            case .second(nil): continue
            case .second(let error?): throw Self.named(configuration, error)
            }
            let result: Result<SSHConnection, SSHError>
            do throws(SSHError) {
                result = .success(try await SSHConnection.connect(configuration, on: eventLoop, logger: logger))
            } catch {
                result = .failure(error)
            }
            self.finish(key, result)
            do throws(SSHError) { return try result.get() } catch { throw Self.named(configuration, error) }
        }
    }

    /// Who waits for connections that others are making.
    var waitingCount: Int { self.state.withLockedValue { $0.waiting.values.reduce(0) { $0 + $1.count } } }

    private static func named(_ configuration: SSHConfiguration, _ error: SSHError) -> SSHError {
        let name = "Jump host \(Endpoint(configuration.host, configuration.port)): "
        // Of several hops the one that failed is named, not all those before it.
        guard !error.message.hasPrefix("Jump host ") else { return error }
        var named = SSHError(error.code, name + error.message)
        named.authenticationAttempts = error.authenticationAttempts
        return named
    }

    private func candidates(_ key: Key) -> [SSHConnection] {
        self.state.withLockedValue { state in
            let alive = state.open[key]?.filter { $0.connection?.isClosed == false } ?? []
            state.open[key] = alive.isEmpty ? nil : alive
            return alive.compactMap(\.connection)
        }
    }

    private enum Turn {
        case first
        /// Somebody else has connected, or has failed to for this reason.
        case second(SSHError?)
    }

    /// Whether the caller is to connect; others return when that is done, or when they are cancelled. An attempt is bounded by its own time-outs.
    private func turn(_ key: Key) async -> Turn {
        let waiter = self.state.withLockedValue { state -> UInt64? in
            guard state.waiting[key] != nil else {
                state.waiting[key] = [:]
                return nil
            }
            state.lastWaiter += 1
            return state.lastWaiter
        }
        guard let waiter else { return .first }
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<SSHError?, Never>) in
                let waits = self.state.withLockedValue { state in
                    // Under the lock: a cancellation from here on finds the waiter registered.
                    guard !Task.isCancelled, state.waiting[key] != nil else { return false }
                    state.waiting[key]?[waiter] = continuation
                    return true
                }
                if !waits { continuation.resume(returning: nil) }
            }
        } onCancel: {
            let waiting = self.state.withLockedValue { $0.waiting[key]?.removeValue(forKey: waiter) }
            waiting?.resume(returning: nil)
        }
        return .second(failure)
    }

    private func finish(_ key: Key, _ result: Result<SSHConnection, SSHError>) {
        let waiting = self.state.withLockedValue { state in
            if case .success(let connection) = result {
                state.open[key, default: []].append(Entry(connection: connection))
            }
            return state.waiting.removeValue(forKey: key) ?? [:]
        }
        let failure = Self.sharedFailure(result)
        for continuation in waiting.values { continuation.resume(returning: failure) }
    }

    /// What a jump host has refused to one, or not answered, it isn't asked again for each who waits: a dead one would cost them its time-outs one after the
    /// other, and one that refuses the password would be shown it so often. Whether a key is good, everyone finds out by his own policy.
    private static func sharedFailure(_ result: Result<SSHConnection, SSHError>) -> SSHError? {
        guard case .failure(var error) = result else { return nil }
        switch error.code {
        case .cancelled, .hostKeyUnknown, .hostKeyChanged: return nil
        default:
            // The attempts were another's.
            error.authenticationAttempts = 0
            return error
        }
    }
}

extension SSHConnection {
    nonisolated var isClosed: Bool { self.hasClosed.withLockedValue { $0 } }

    /// Whether one more session may go through this one: its host key passes the verifier, and it has room.
    func admission(_ verifier: any HostKeyVerifier, maximum: Int) -> Result<Bool, SSHError> {
        let core = self.core.value
        guard core.takesTunnel(maximum: maximum), let key = core.session?.hostKey else { return .success(false) }
        do throws(SSHError) {
            try verifier.verify(key, host: core.configuration.host, port: core.configuration.port)
            return .success(true)
        } catch {
            return .failure(error)
        }
    }
}

extension SessionCore {
    /// libssh2 opens one channel at a time, and a jump host may need minutes to find that a device doesn't answer: those who come
    /// later had better go another way.
    private static let stuckAfter = TimeAmount.seconds(1)

    func takesTunnel(maximum: Int) -> Bool {
        guard self.isOpen, self.channels.count + self.waiting.count < maximum else { return false }
        guard self.opening != nil, let since = self.openingSince else { return true }
        return NIODeadline.now() - since < Self.stuckAfter
    }
}
