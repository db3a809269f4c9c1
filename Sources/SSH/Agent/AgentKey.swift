import CLibSSH2Keys
import Foundation
import NIOCore

/// A key that an agent holds.
struct AgentKey: Sendable, Hashable {
    let socket: String
    let blob: [UInt8]
    let comment: String
    let algorithm: String

    var isRSA: Bool { self.algorithm == "ssh-rsa" }

    /// Servers count every key that is shown; more than their usual limit of six would only use up the attempts.
    private static let maximumKeys = 16

    /// The keys that an agent offers.
    ///
    /// - Throws: `auth.key` when there is no agent, or none that answers within the bound.
    static func list(
        _ socket: String?, bound: Duration, on eventLoop: any EventLoop
    ) async throws(SSHError) -> [AgentKey] {
        guard let path = socket ?? ProcessInfo.processInfo.environment["SSH_AUTH_SOCK"], !path.isEmpty else {
            throw SSHError(.authenticationKey, "There is no SSH agent: SSH_AUTH_SOCK is not set.")
        }
        do {
            let promise = eventLoop.makePromise(of: ByteBuffer.self)
            AgentRequest.send(AgentMessage.listRequest, to: path, bound: bound, on: eventLoop, promise)
            let answer = await withTaskCancellationHandler {
                await promise.futureResult.outcome()
            } onCancel: {
                promise.fail(CancellationError())
            }
            guard let identities = AgentMessage.identities(try answer.get()) else {
                throw AgentRequest.Failure.malformed
            }
            let keys = identities.compactMap { blob, comment -> AgentKey? in
                // Certificates need what libssh2 doesn't have.
                guard let algorithm = HostKey(blob: blob)?.algorithm, !algorithm.contains("-cert-") else { return nil }
                return AgentKey(socket: path, blob: blob, comment: comment, algorithm: algorithm)
            }
            guard !keys.isEmpty else {
                throw SSHError(
                    .authenticationKey, "The SSH agent at \(path) holds no key that can be used; see ssh-add(1).")
            }
            return Array(keys.prefix(Self.maximumKeys))
        } catch let error as SSHError {
            throw error
        } catch is CancellationError {
            throw SSHError(.cancelled, "The connection attempt was cancelled.")
        } catch {
            let reason =
                switch error {
                case AgentRequest.Failure.timedOut: "did not answer within \(bound.brief)"
                case AgentRequest.Failure.ended: "closed the connection"
                case AgentRequest.Failure.malformed: "does not speak the agent protocol"
                default: "can't be reached (\(error))"
                }
            throw SSHError(.authenticationKey, "The SSH agent at \(path) \(reason).")
        }
    }

    /// The public key under the name of the signature's algorithm.
    func blob(signature: String?) -> [UInt8] {
        guard let signature else { return self.blob }
        var buffer = ByteBuffer(bytes: self.blob)
        _ = buffer.readSSHString()
        var result = ByteBuffer()
        result.writeSSHString(signature)
        result.writeBuffer(&buffer)
        return Array(result.readableBytesView)
    }
}

/// An attempt to sign on with an agent's key, while libssh2 waits for the server or for the signature.
///
/// Isolation: on the event loop of the session.
final class AgentSigning {
    let key: AgentKey
    private let signature: String?
    private let blob: [UInt8]
    private let deferred: OpaquePointer?
    private var hasAsked = false

    init(_ key: AgentKey, signature: String?) {
        self.key = key
        self.signature = signature
        self.blob = key.blob(signature: signature)
        self.deferred = clibssh2_deferred_new()
    }

    deinit { clibssh2_deferred_free(self.deferred) }

    /// The next step.
    func authenticate(_ session: LibSSH2Session, username: String) -> LibSSH2Progress<Void> {
        session.progress(
            clibssh2_deferred_authenticate(session.handle, username, self.blob, self.blob.count, self.deferred))
    }

    /// What the agent has to sign, the first time that there is something.
    func takeRequest() -> ByteBuffer? {
        guard !self.hasAsked, let deferred = self.deferred else { return nil }
        var length = 0
        guard let data = clibssh2_deferred_data(deferred, &length) else { return nil }
        self.hasAsked = true
        return AgentMessage.signRequest(
            key: self.key.blob, data: Array(UnsafeBufferPointer(start: data, count: length)),
            algorithm: self.signature)
    }

    /// The agent's answer, or that there is none.
    func answer(_ answer: ByteBuffer?) {
        var bytes: [UInt8] = []
        // An agent that doesn't know the flag signs under the old name, which would be a wrong signature under the new one.
        if let answer, let given = AgentMessage.signature(answer),
            given.algorithm == (self.signature ?? self.key.algorithm)
        {
            bytes = given.bytes
        }
        clibssh2_deferred_answer(self.deferred, bytes, bytes.count)
    }
}
