import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("Agent")
struct AgentTests {
    @Test("keys of every kind sign by way of a real agent", arguments: ["ed25519", "ecdsa", "rsa"])
    func kinds(type: String) async throws {
        try await withServer(.init(clientKeyType: type)) { server in
            let agent = try await Agent(server.folder.path, keys: [server.clientKeyPath])
            defer { agent.stop() }
            let connection = try await SSHConnection.connect(
                to: server, authentication: [.agent(socket: agent.socket)])
            #expect(try await connection.collect("echo in").output == "in\n")
            await connection.close()
        }
    }

    @Test("the agent's keys are tried in its order, and then what else is configured")
    func order() async throws {
        try await withServer { server in
            // Another server's client key: this one refuses it. Types differ, since equal options give equal keys.
            let other = try await OpenSSHServer.start(.init(clientKeyType: "ecdsa"))
            defer { other.stop() }
            let both = try await Agent(server.folder.path, keys: [other.clientKeyPath, server.clientKeyPath])
            defer { both.stop() }
            await (try await SSHConnection.connect(to: server, authentication: [.agent(socket: both.socket)])).close()

            let wrong = try await Agent(other.folder.path, keys: [other.clientKeyPath])
            defer { wrong.stop() }
            await
                (try await SSHConnection.connect(
                    to: server,
                    authentication: [
                        .agent(socket: wrong.socket), .privateKey(.file(server.clientKeyPath), passphrase: nil),
                    ])).close()
            let refused = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.agent(socket: wrong.socket)])
            }
            #expect(refused?.code == .authenticationFailed)
        }
    }

    @Test("no agent, and one without keys, are auth.key")
    func absent() async throws {
        try await withServer { server in
            let error = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(
                    to: server, authentication: [.agent(socket: server.folder.path + "/none")])
            }
            #expect(error?.code == .authenticationKey)
            let agent = try await Agent(server.folder.path, keys: [])
            defer { agent.stop() }
            let empty = await failure { () async throws(SSHError) in
                try await SSHConnection.connect(to: server, authentication: [.agent(socket: agent.socket)])
            }
            #expect(empty?.code == .authenticationKey)
            #expect(empty?.message.contains("ssh-add") == true)
        }
    }

    /// An actor on an event loop, as those are that open connections.
    private actor Caller {
        private let eventLoop: any EventLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

        init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        /// Whether the caller is still where it was before the question.
        func staysOnItsLoop(_ socket: String) async throws -> Bool {
            _ = try await AgentKey.list(socket, bound: .seconds(10), on: self.eventLoop)
            return self.eventLoop.inEventLoop
        }
    }

    @Test("who asks an agent goes on where it was")
    func executor() async throws {
        try await withServer { server in
            let agent = try await Agent(server.folder.path, keys: [server.clientKeyPath])
            defer { agent.stop() }
            for _ in 0..<20 { #expect(try await Caller(anyLoop).staysOnItsLoop(agent.socket)) }
        }
    }

    @Test("an agent that says nothing is given up with the time for authentication, and at once on cancellation")
    func mute() async throws {
        try await withServer { server in
            let blob = try #require(
                Base64.decode(
                    try String(contentsOfFile: server.clientKeyPath + ".pub", encoding: .utf8)
                        .split(separator: " ")[1]))
            for knowsKeys in [false, true] {
                let path = server.folder.path + "/mute\(knowsKeys)"
                let agent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .childChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            if knowsKeys { try channel.pipeline.syncOperations.addHandler(OnlyLists(blob)) }
                        }
                    }
                    .bind(unixDomainSocketPath: path).get()
                let connect = { (bound: Duration) async -> SSHError? in
                    await failure { () async throws(SSHError) in
                        try await SSHConnection.connect(
                            to: server, authentication: [.agent(socket: path)],
                            timeouts: SSHTimeouts(authentication: bound))
                    }
                }
                let error = await connect(.milliseconds(500))
                #expect(error?.code == (knowsKeys ? .authenticationTimeout : .authenticationKey))
                let task = Task { await connect(.seconds(60)) }
                task.cancel()
                #expect(await task.value?.code == .cancelled)
                try await agent.close()
            }
        }
    }

    @Test("answers that are none are refused")
    func malformed() {
        for _ in 0..<5_000 {
            let noise = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...14) }
            _ = AgentMessage.identities(ByteBuffer(bytes: [12, 0, 0, 0] + noise))
            _ = AgentMessage.signature(ByteBuffer(bytes: [14, 0, 0, 0] + noise))
        }
        let lists = [[5], [12, 255, 255, 255, 255], []].map { AgentMessage.identities(ByteBuffer(bytes: $0)) == nil }
        #expect(lists == [true, true, true])
        #expect(AgentMessage.signature(ByteBuffer(bytes: [5])) == nil)
    }
}

/// Lists one key, and never signs.
private final class OnlyLists: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let blob: [UInt8]

    init(_ blob: [UInt8]) { self.blob = blob }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.unwrapInboundIn(data).readableBytes == 5 else { return }
        var answer = ByteBuffer()
        answer.writeInteger(UInt32(1 + 4 + 4 + self.blob.count + 4))
        answer.writeBytes([12, 0, 0, 0, 1])
        answer.writeSSHString(ByteBuffer(bytes: self.blob))
        answer.writeInteger(UInt32(0))
        context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    }
}

/// A real `ssh-agent`.
///
/// Not started as a Foundation `Process`: it closes what it inherits, which Foundation takes for its end and then waits for it with a thread that
/// every other `Process` needs. Nor is `ssh-add`: on a thread without a run loop a `Process` is never freed.
final class Agent: Sendable {
    let socket: String
    private let process: pid_t

    init(_ folder: String, keys: [String]) async throws {
        self.socket = folder + "/agent-\(UInt32.random(in: .min ... .max))"
        self.process = try OpenSSHServer.spawn("/usr/bin/ssh-agent", ["-D", "-a", self.socket])
        let socket = self.socket
        try #require(await until { FileManager.default.fileExists(atPath: socket) })
        for key in keys {
            // The socket is there a moment before the agent listens.
            try #require(await until { await Self.add(key, socket) })
        }
    }

    private static func add(_ key: String, _ socket: String) async -> Bool {
        let arguments = ["SSH_AUTH_SOCK=\(socket)", "ssh-add", "-q", key]
        guard let add = try? OpenSSHServer.spawn("/usr/bin/env", arguments) else { return false }
        return (try? await NIOThreadPool.singleton.runIfActive { OpenSSHServer.wait(for: add) == 0 }) ?? false
    }

    func stop() {
        kill(self.process, SIGKILL)
        var status: Int32 = 0
        waitpid(self.process, &status, 0)
    }
}
