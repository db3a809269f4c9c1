import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import SSH

@Suite("Commands on exec channels")
struct ExecTests {
    @Test("output, errors and exit status come apart")
    func streams() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let result = try await connection.collect("echo out; echo err >&2; exit 3")
            #expect(result == (.status(3), "out\n", "err\n"))
            #expect(try await connection.collect("true") == (.status(0), "", ""))
            #expect(try await connection.collect("exit 255").exit == .status(255))
            #expect(try await connection.collect("kill -TERM $$").exit == .signal("TERM"))
            await connection.close()
        }
    }

    @Test("a command that reads finds the end of its input")
    func endOfInput() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            #expect(try await connection.collect("cat; echo done").output == "done\n")
            await connection.close()
        }
    }

    @Test("a status that comes long after the end of output is waited for")
    func lateStatus() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            #expect(try await connection.collect("exec >&- 2>&-; sleep 0.3; exit 7").exit == .status(7))
            await connection.close()
        }
    }

    @Test("five megabytes arrive whole on both streams")
    func bulk() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let result = try await connection.collect("seq 1 740000; seq 1 740000 >&2")
            let expected = (1...740_000).map { "\($0)\n" }.joined()
            #expect(expected.utf8.count > 4_900_000)
            #expect(sha256(result.output.utf8) == sha256(expected.utf8))
            #expect(sha256(result.error.utf8) == sha256(expected.utf8))
            await connection.close()
        }
    }

    @Test("several commands at once on one connection don't mix")
    func concurrent() async throws {
        try await withServer(.init(configuration: ["MaxSessions 100"])) { server in
            let connection = try await SSHConnection.connect(to: server)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...20 {
                    group.addTask {
                        let result = try await connection.collect(
                            "for i in $(seq 1 2000); do echo \(number); done; echo e\(number) >&2; exit \(number)")
                        #expect(result.exit == .status(number))
                        #expect(result.output == String(repeating: "\(number)\n", count: 2000))
                        #expect(result.error == "e\(number)\n")
                    }
                }
                try await group.waitForAll()
            }
            await connection.close()
        }
    }

    @Test("one command after the other reuses the connection, with one session at a time")
    func sequence() async throws {
        try await withServer(.init(configuration: ["MaxSessions 1"])) { server in
            let connection = try await SSHConnection.connect(to: server)
            for number in 1...30 { #expect(try await connection.collect("echo \(number)").output == "\(number)\n") }
            await connection.close()
        }
    }

    @Test("a channel that the server refuses is told so, and the connection lives on")
    func refusal() async throws {
        try await withServer(.init(configuration: ["MaxSessions 1"])) { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            do throws(SSHError) {
                _ = try await connection.collect("true")
                Issue.record("the second channel was not refused")
            } catch {
                #expect(error.code == .channelRefused)
            }
            shell.send("exit\n", on: connection.eventLoop)
            #expect(await until { !recorder.closings.isEmpty })
            #expect(try await connection.collect("echo again").output == "again\n")
            await connection.close()
        }
    }

    @Test("cancelling ends the wait for a command, and the connection lives on")
    func cancellation() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let started = NIOLockedValueBox(false)
            let task = Task { () -> SSHError? in
                do throws(SSHError) {
                    _ = try await connection.execute("echo started; exec sleep 30") { _, _ in
                        started.withLockedValue { $0 = true }
                    }
                    return nil
                } catch {
                    return error
                }
            }
            #expect(await until { started.withLockedValue { $0 } })
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(try await connection.collect("echo alive").output == "alive\n")
            await connection.close()
        }
    }

    @Test("a command that floods can be cancelled")
    func flood() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let count = NIOLockedValueBox(0)
            let task = Task { () -> SSHError? in
                do throws(SSHError) {
                    _ = try await connection.execute("yes") { _, bytes in
                        count.withLockedValue { $0 += bytes.readableBytes }
                    }
                    return nil
                } catch {
                    return error
                }
            }
            #expect(await until { count.withLockedValue { $0 > 3_000_000 } })
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(try await connection.collect("echo alive").output == "alive\n")
            await connection.close()
        }
    }

    @Test("an idle connection whose commands have ended answers the server's keepalive", arguments: [true, false])
    func serverKeepalive(_ hasRunCommand: Bool) async throws {
        try await withServer(
            .init(configuration: ["ClientAliveInterval 1", "ClientAliveCountMax 1"])
        ) { server in
            let connection = try await SSHConnection.connect(to: server, keepaliveInterval: .milliseconds(300))
            if hasRunCommand { #expect(try await connection.collect("echo one").output == "one\n") }
            let gone = NIOLockedValueBox(false)
            connection.closeFuture.whenComplete { _ in gone.withLockedValue { $0 = true } }
            // The server cuts an unresponsive client after two seconds.
            #expect(await until(within: .seconds(4)) { gone.withLockedValue { $0 } } == false)
            #expect(try await connection.collect("echo two").output == "two\n")
            await connection.close()
        }
    }

    @Test("keys are renewed in the middle of output")
    func rekey() async throws {
        try await withServer(.init(configuration: ["RekeyLimit 256K"])) { server in
            let connection = try await SSHConnection.connect(to: server)
            let result = try await connection.collect("seq 1 400000")
            #expect(sha256(result.output.utf8) == sha256((1...400_000).map { "\($0)\n" }.joined().utf8))
            #expect(result.exit == .status(0))
            await connection.close()
        }
    }
}

@Suite("Shells")
struct ShellTests {
    @Test("what is typed comes back, in a terminal of the given size")
    func echo() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(
                PseudoTerminal(type: "vt100", columns: 211, rows: 57), receive: recorder.receive)
            shell.send("stty size; echo $TERM; echo x >&2; exit\n", on: connection.eventLoop)
            #expect(await until { !recorder.closings.isEmpty })
            #expect(recorder.text.contains("57 211") && recorder.text.contains("vt100"))
            #expect(recorder.closings.count == 1 && recorder.closings[0] == nil)
            // The connection outlives its shell.
            #expect(try await connection.collect("echo after").output == "after\n")
            await connection.close()
            #expect(recorder.closings.count == 1 && recorder.piecesAfterClose == 0)
        }
    }

    @Test("five megabytes arrive whole through a terminal")
    func bulk() async throws {
        try await withServer(.init(forcedCommand: "/bin/sh -c 'stty raw -echo; seq 1 740000'")) { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            #expect(await until(within: .seconds(30)) { !recorder.closings.isEmpty })
            #expect(sha256(recorder.bytes) == sha256((1...740_000).map { "\($0)\n" }.joined().utf8))
            await connection.close()
        }
    }

    @Test("megabytes typed in arrive whole, while the echo comes back")
    func bulkInput() async throws {
        try await withServer(
            .init(
                forcedCommand: "/bin/sh -c 'stty raw -echo; echo ready; exec cat'", configuration: ["RekeyLimit 512K"])
        ) { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            #expect(await until { recorder.text.contains("ready") })
            let header = recorder.count
            let text = (1...300_000).map { "\($0)\n" }.joined()
            shell.send(text, on: connection.eventLoop)
            #expect(await until(within: .seconds(30)) { recorder.count >= text.utf8.count + header })
            #expect(sha256(recorder.bytes.dropFirst(header)) == sha256(text.utf8))
            await connection.close()
            #expect(recorder.closings.count == 1)
        }
    }

    @Test("closing from within a callback delivers the end once and nothing after it")
    func closeInCallback() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            let box = NIOLockedValueBox<SSHShell?>(nil)
            let receive = recorder.receive
            let shell = try await connection.openShell(PseudoTerminal()) { event in
                receive(event)
                if case .data = event { box.withLockedValue { $0 }?.close() }
            }
            box.withLockedValue { $0 = shell }
            shell.send("yes\n", on: connection.eventLoop)
            #expect(await until { !recorder.closings.isEmpty })
            #expect(try await connection.collect("echo alive").output == "alive\n")
            shell.send("ignored\n", on: connection.eventLoop)
            await connection.close()
            #expect(recorder.closings.count == 1 && recorder.piecesAfterClose == 0)
        }
    }

    @Test("closing the connection closes its shells, once")
    func closeConnection() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorders = (0..<3).map { _ in ShellRecorder() }
            for recorder in recorders {
                _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            }
            await connection.close()
            await connection.close()
            for recorder in recorders { #expect(recorder.closings.count == 1 && recorder.closings[0] == nil) }
            do throws(SSHError) {
                _ = try await connection.collect("true")
                Issue.record("a closed connection ran a command")
            } catch {
                #expect(error.code == .sessionClosed)
            }
        }
    }

    @Test("opening can be cancelled")
    func cancelOpening() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            let task = Task { () -> SSHError? in
                _ = await until { Task.isCancelled }
                do throws(SSHError) {
                    _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
                    return nil
                } catch {
                    return error
                }
            }
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(try await connection.collect("echo alive").output == "alive\n")
            #expect(recorder.closings.isEmpty && recorder.count == 0)
            await connection.close()
        }
    }
}

@Suite("The end of connections")
struct LossTests {
    @Test("a server that is killed ends shells and commands with session.lost")
    func killed() async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(to: server)
            let recorder = ShellRecorder()
            _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            #expect(await until { recorder.count > 0 })
            let started = NIOLockedValueBox(false)
            let task = Task { () -> SSHError? in
                do throws(SSHError) {
                    _ = try await connection.execute("echo go; exec sleep 30") { _, _ in
                        started.withLockedValue { $0 = true }
                    }
                    return nil
                } catch {
                    return error
                }
            }
            #expect(await until { started.withLockedValue { $0 } })
            server.killSessions()
            #expect(await task.value?.code == .sessionLost)
            #expect(await until { !recorder.closings.isEmpty })
            #expect(recorder.closings.count == 1 && recorder.closings[0]?.code == .sessionLost)
            #expect(try await connection.closeFuture.get()?.code == .sessionLost)
        }
    }

    /// A connection to a server through a relay.
    private func connect(through relay: Relay, to server: OpenSSHServer) async throws(SSHError) -> SSHConnection {
        try await SSHConnection.connect(
            SSHConfiguration(
                host: "127.0.0.1", port: relay.port, username: server.username,
                authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                hostKeyVerifier: .unchecked,
                keepaliveInterval: .milliseconds(50)),
            on: anyLoop, logger: Logger(label: "test"))
    }

    @Test("a peer that has gone dead doesn't hold up closing")
    func closeTowardsDeadPeer() async throws {
        try await withServer { server in
            let relay = try await Relay(to: server.port)
            let connection = try await self.connect(through: relay, to: server)
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            try await relay.pause()
            shell.send(String(repeating: "x", count: 12_000_000), on: connection.eventLoop)
            let elapsed = await ContinuousClock().measure { await connection.close() }
            #expect(elapsed < .seconds(5))
            #expect(recorder.closings.count == 1 && recorder.closings[0] == nil)
            await relay.stop()
        }
    }

    @Test("input for a peer that takes none is bounded")
    func boundedInput() async throws {
        try await withServer { server in
            let relay = try await Relay(to: server.port)
            let connection = try await self.connect(through: relay, to: server)
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            try await relay.pause()
            for _ in 0..<40 { shell.send(String(repeating: "x", count: 1_000_000), on: connection.eventLoop) }
            #expect(await until { !recorder.closings.isEmpty })
            #expect(recorder.closings.count == 1 && recorder.closings[0]?.code == .sessionLost)
            await connection.close()
            await relay.stop()
        }
    }

    @Test("bytes that come one by one, or in odd pieces, are all the same", arguments: [1, 7, 33])
    func pieces(_ size: Int) async throws {
        try await withServer { server in
            let relay = try await Relay(to: server.port, pieceSize: size)
            let connection = try await self.connect(through: relay, to: server)
            let result = try await connection.collect("seq 1 2000; echo e >&2; exit 9")
            #expect(result == (.status(9), (1...2000).map { "\($0)\n" }.joined(), "e\n"))
            await connection.close()
            await relay.stop()
        }
    }

    @Test("a connection that nobody holds any more is closed")
    func dropped() async throws {
        try await withServer { server in
            var connection: SSHConnection? = try await SSHConnection.connect(to: server)
            let closed = connection?.closeFuture
            connection = nil
            #expect(try await closed?.get() == nil)
        }
    }

    @Test("opening and closing two hundred times leaves no descriptor open")
    func descriptors() async throws {
        try await withServer { server in
            // Counts this process's connections to the server; other tests run in the same process.
            func connections() -> Int {
                let text = (try? String(contentsOfFile: "/proc/self/net/tcp", encoding: .utf8)) ?? ""
                let port = String(format: ":%04X", server.port)
                return text.split(separator: "\n").count { line in
                    let fields = line.split(separator: " ")
                    return fields.count > 9 && fields[2].hasSuffix(port) && fields[9] != "0" && fields[3] != "06"
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for cycle in 0..<25 {
                            let connection = try await SSHConnection.connect(to: server)
                            if cycle % 5 == 0 { _ = try await connection.openShell(PseudoTerminal()) { _ in } }
                            await connection.close()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(await until { connections() == 0 })
        }
    }
}
