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
        var waiting: [Key: [CheckedContinuation<Void, Never>]] = [:]
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
            // Only one connects; the others look again when it is through.
            guard await self.becomesFirst(key) else { continue }
            let result: Result<SSHConnection, SSHError>
            do throws(SSHError) {
                result = .success(try await SSHConnection.connect(configuration, on: eventLoop, logger: logger))
            } catch {
                result = .failure(error)
            }
            self.finish(key, try? result.get())
            do throws(SSHError) { return try result.get() } catch { throw Self.named(configuration, error) }
        }
    }

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

    /// `true` for whoever is to connect; others return when that is done. An attempt is bounded by its own time-outs.
    private func becomesFirst(_ key: Key) async -> Bool {
        let isFirst = self.state.withLockedValue { state in
            guard state.waiting[key] == nil else { return false }
            state.waiting[key] = []
            return true
        }
        if isFirst { return true }
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLockedValue { state in
                guard state.waiting[key] != nil else { return true }
                state.waiting[key]?.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
        return false
    }

    private func finish(_ key: Key, _ connection: SSHConnection?) {
        let waiting = self.state.withLockedValue { state in
            if let connection { state.open[key, default: []].append(Entry(connection: connection)) }
            return state.waiting.removeValue(forKey: key) ?? []
        }
        for continuation in waiting { continuation.resume() }
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
