import Crypto
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

/// Any event loop.
var anyLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

extension Logger {
    /// Drops everything: for tests that would fill the output.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// Waits until `condition` holds. `false` if it doesn't within the time.
func until(within bound: Duration = .seconds(30), _ condition: () async -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + bound
    while ContinuousClock.now < deadline {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return await condition()
}

/// Runs `body` with a server that is stopped afterwards.
func withServer<Result>(
    _ options: OpenSSHServer.Options = .init(),
    _ body: (OpenSSHServer) async throws -> Result
) async throws -> Result {
    await serverSlots.take()
    do {
        let server = try await OpenSSHServer.start(options)
        defer { server.stop() }
        let result = try await body(server)
        await serverSlots.release()
        return result
    } catch {
        await serverSlots.release()
        throw error
    }
}

/// Keeps the number of servers that run at a time small: a hundred of them make every deadline a gamble.
private let serverSlots = Slots(6)

private actor Slots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { self.free = count }

    func take() async {
        if self.free > 0 {
            self.free -= 1
        } else {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    func release() {
        if self.waiting.isEmpty {
            self.free += 1
        } else {
            self.waiting.removeFirst().resume()
        }
    }
}

extension SSHConnection {
    /// Connects to a test server, by default with its client key and without a host key check.
    static func connect(
        to server: OpenSSHServer,
        authentication: [SSHAuthentication]? = nil,
        verifier: (any HostKeyVerifier)? = nil,
        timeouts: SSHTimeouts = SSHTimeouts(),
        keepaliveInterval: Duration? = nil,
        on loop: any EventLoop = anyLoop
    ) async throws(SSHError) -> SSHConnection {
        try await SSHConnection.connect(
            SSHConfiguration(
                host: server.host, port: server.port, username: server.username,
                authentication: authentication ?? [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                hostKeyVerifier: verifier ?? .unchecked, timeouts: timeouts, keepaliveInterval: keepaliveInterval),
            on: loop, logger: Logger(label: "test"))
    }

    /// Runs a command and collects what it prints.
    func collect(_ command: String) async throws(SSHError) -> (exit: SSHExit, output: String, error: String) {
        let collected = NIOLockedValueBox((output: ByteBuffer(), error: ByteBuffer()))
        let exit = try await self.execute(command) { stream, piece in
            var piece = piece
            collected.withLockedValue { collected in
                switch stream {
                case .standardOutput: _ = collected.output.writeBuffer(&piece)
                case .standardError: _ = collected.error.writeBuffer(&piece)
                }
            }
        }
        let result = collected.withLockedValue { $0 }
        return (exit, String(buffer: result.output), String(buffer: result.error))
    }
}

extension HostKeyVerifier where Self == PolicyHostKeyVerifier {
    /// Accepts every key.
    static var unchecked: PolicyHostKeyVerifier { PolicyHostKeyVerifier(.off, knownHosts: KnownHosts(text: "")) }
}

/// Connects, expecting that to fail.
func failure(_ body: () async throws(SSHError) -> SSHConnection) async -> SSHError? {
    do throws(SSHError) {
        await (try await body()).close()
        return nil
    } catch {
        return error
    }
}

/// Records what a shell says.
final class ShellRecorder: Sendable {
    private struct State {
        var output: [UInt8] = []
        var closings: [SSHError?] = []
        var piecesAfterClose = 0
    }
    private let state = NIOLockedValueBox(State())

    var receive: @Sendable (ShellEvent) -> Void {
        { event in
            self.state.withLockedValue { state in
                switch event {
                case .data(let bytes):
                    state.output.append(contentsOf: bytes.readableBytesView)
                    if !state.closings.isEmpty { state.piecesAfterClose += 1 }
                case .closed(let error):
                    state.closings.append(error)
                }
            }
        }
    }

    var bytes: [UInt8] { self.state.withLockedValue { $0.output } }
    var text: String { String(decoding: self.bytes, as: UTF8.self) }
    var count: Int { self.state.withLockedValue { $0.output.count } }
    var closings: [SSHError?] { self.state.withLockedValue { $0.closings } }
    var piecesAfterClose: Int { self.state.withLockedValue { $0.piecesAfterClose } }
}

extension SSHShell {
    /// Writes from any task.
    func send(_ text: String, on loop: any EventLoop) {
        loop.execute { self.write(ByteBuffer(string: text)) }
    }
}

/// A TCP server that accepts, sends given bytes, and otherwise does what it is told.
final class RawServer: Sendable {
    private let channel: any Channel
    private let accepted = NIOLockedValueBox<[any Channel]>([])
    private let total = NIOLockedValueBox(0)
    var port: Int { self.channel.localAddress?.port ?? 0 }
    /// Connections that are open.
    var openConnections: Int { self.accepted.withLockedValue { $0.count { $0.isActive } } }
    var connections: Int { self.total.withLockedValue { $0 } }

    /// - Parameter closes: whether the connection is closed after `greeting`.
    init(greeting: [UInt8] = [], closes: Bool = false) async throws {
        let (accepted, total) = (self.accepted, self.total)
        let forgets = greeting.isEmpty && !closes
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                total.withLockedValue { $0 += 1 }
                accepted.withLockedValue { $0.append(child) }
                // Thousands may come and go. Those that are to be greeted are found by their places.
                if forgets {
                    child.closeFuture.whenComplete { _ in
                        accepted.withLockedValue { all in all.removeAll { $0 === child } }
                    }
                }
                return child.eventLoop.makeSucceededVoidFuture()
            }
            .childChannelOption(.autoRead, value: true)
            .bind(host: "127.0.0.1", port: 0).get()
        // The greeting goes out when the connection is up.
        self.greet(greeting, closes: closes)
    }

    private func greet(_ greeting: [UInt8], closes: Bool) {
        guard !greeting.isEmpty || closes else { return }
        let accepted = self.accepted
        let greeted = NIOLockedValueBox(0)
        self.channel.eventLoop.scheduleRepeatedTask(initialDelay: .milliseconds(1), delay: .milliseconds(1)) { task in
            let fresh = accepted.withLockedValue { all in
                greeted.withLockedValue { count in
                    let ready = all[count...].prefix { $0.isActive }
                    count += ready.count
                    return Array(ready)
                }
            }
            for child in fresh {
                let write = child.writeAndFlush(ByteBuffer(bytes: greeting))
                if closes { write.whenComplete { _ in child.close(promise: nil) } }
            }
            if !self.channel.isActive { task.cancel() }
        }
    }

    func stop() async {
        try? await self.channel.close()
        for child in self.accepted.withLockedValue({ $0 }) { try? await child.close() }
    }

    func configuration(_ timeouts: SSHTimeouts = SSHTimeouts()) -> SSHConfiguration {
        SSHConfiguration(
            host: "127.0.0.1", port: self.port, username: "user", authentication: [.password(Secret("secret"))],
            hostKeyVerifier: .unchecked, timeouts: timeouts)
    }
}

/// A TCP port that is taken and refuses connections.
struct ClosedPort {
    private let descriptor: Int32
    let port: Int

    init() async throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let descriptor = self.descriptor
        self.port = address.withSockAddr { pointer, size -> Int in
            guard bind(descriptor, pointer, socklen_t(size)) == 0 else { return 0 }
            var bound = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutableBytes(of: &bound) { region in
                getsockname(descriptor, region.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
            }
            return Int(in_port_t(bigEndian: bound.sin_port))
        }
        try #require(self.port != 0)
    }

    func release() { close(self.descriptor) }
}

func sha256(_ bytes: some Sequence<UInt8>) -> String { Data(SHA256.hash(data: Array(bytes))).base64EncodedString() }
