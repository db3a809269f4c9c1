import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import SSH

@Suite("What a hostile server can't do")
struct HostileServerTests {
    @Test("packets that nobody asked for don't fill the memory: the connection is given up")
    func flood() async throws {
        let server = try await FloodingServer.start(megabytes: 200)
        defer { server.stop() }
        let connection = try await SSHConnection.connect(
            SSHConfiguration(
                host: server.host, port: server.port, username: "anybody", authentication: [.password(Secret("any"))],
                hostKeyVerifier: .unchecked),
            on: anyLoop, logger: .silent)
        let recorder = ShellRecorder()
        _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
        #expect(await until(within: .seconds(60)) { !recorder.closings.isEmpty })
        #expect(recorder.closings.first??.code == .sessionLost)
        await connection.close()
    }

    @Test("rounds of questions without end leave a message of bounded length")
    func questions() {
        var answers = InteractiveAnswers(username: "netops", password: Secret("right"))
        for round in 0..<1_000 {
            let question = InteractiveAnswers.Question(text: "Question \(round)? ", isHidden: false)
            #expect(answers.answers(instruction: "", questions: [question]) == [nil])
        }
        #expect(answers.unanswered.count <= 10)
        #expect(answers.unanswered.first == "Question 0? ")
    }

    @Test("what comes while a key is at work on another thread is bounded, and reading goes on afterwards")
    func lent() async throws {
        let loop = anyLoop
        let isReading = try await loop.submit {
            let core = try SessionCore(
                configuration: SSHConfiguration(
                    host: "192.0.2.1", username: "netops", authentication: [], hostKeyVerifier: .unchecked),
                credentials: [], eventLoop: loop, logger: .silent)
            let transport = RecordingTransport()
            core.attach(transport)
            core.establish { _ in }
            var isReading = [transport.isReading]
            let isLent = core.lend() != nil
            core.receive(ByteBuffer(repeating: 0x41, count: 300_000))
            core.pump()
            isReading.append(isLent && transport.isReading)
            core.takeBack()?.wire.inbound.clear()
            core.flush()
            isReading.append(transport.isReading)
            core.close()
            return isReading
        }.get()
        #expect(isReading == [true, false, true])
    }

    @Test("a command whose start is never confirmed may have run, and is told so")
    func startUnconfirmed() async throws {
        try await withServer { server in
            let proxy = try await FaultProxy(to: server.port, .hang, at: .armed)
            let connection = try await SSHConnection.connect(
                SSHConfiguration(
                    host: "127.0.0.1", port: proxy.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked, timeouts: SSHTimeouts(channel: .milliseconds(500)),
                    keepaliveInterval: .milliseconds(400)),
                on: anyLoop, logger: Logger(label: "test"))
            // The channel in reserve takes the command without another question first.
            #expect(
                await until {
                    (try? await connection.eventLoop.submit {
                        if case .fresh = connection.core.value.parked {
                            connection.core.value.question == nil
                        } else {
                            false
                        }
                    }.get()) ?? false
                })
            proxy.arm()
            let path = server.folder.path + "/ran"
            let error = NIOLockedValueBox<SSHError?>(nil)
            do throws(SSHError) {
                _ = try await connection.execute("touch \(path)") { _, _ in }
            } catch let failure {
                error.withLockedValue { $0 = failure }
            }
            #expect(await until { FileReader.read(path, limit: 1).isSuccess })
            #expect(error.withLockedValue { $0?.code } == .sessionLost)
            await connection.close()
            await proxy.stop()
        }
    }
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}

/// Takes everything, and tells whether it is read from.
private final class RecordingTransport: ByteTransport {
    private(set) var isReading = false
    var isActive: Bool { true }
    var isWritable: Bool { true }
    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func setReading(_ isReading: Bool) { self.isReading = isReading }
    func close() {}
}
