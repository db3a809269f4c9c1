import Foundation
import Lab
import Logging
import NIOCore
import TestSupport
import Testing

@testable import SSH

@Suite("Signs of life")
struct LivenessTests {
    @Test(
        "a peer is asked when it is silent, and given up within the bound but not much sooner",
        arguments: [
            (Duration.seconds(30), Duration.seconds(45)), (.seconds(5), .seconds(45)), (.seconds(1), .seconds(3)),
            (.milliseconds(50), .milliseconds(600)), (.seconds(600), .seconds(60)), (.seconds(7), .seconds(60)),
        ])
    func bounds(_ interval: Duration, _ silence: Duration) {
        var liveness = Liveness(interval: interval, silence: silence)
        let period = liveness.period
        #expect(period <= interval && period <= silence / 4)
        for _ in 0..<100 { #expect(liveness.periodEnded(hasHeard: true) == .nothing) }
        var asked = 0
        while true {
            let action = liveness.periodEnded(hasHeard: false)
            if action == .giveUp { break }
            #expect(action == .ask)
            asked += 1
        }
        #expect(asked >= 2)
        // The last sign of life came at the beginning or at the end of the period before.
        #expect(period * (asked + 2) <= silence)
        #expect(period * (asked + 1) >= silence / 2)
        // A sign of life sets it back, also at the last moment.
        liveness = Liveness(interval: interval, silence: silence)
        for _ in 0..<10 {
            for _ in 0..<asked { #expect(liveness.periodEnded(hasHeard: false) == .ask) }
            #expect(liveness.periodEnded(hasHeard: true) == .nothing)
        }
    }

    enum Use: CaseIterable { case shell, command, afterCommand, untouched, transfer }

    @Test(
        "a server that has stopped is given up with session.lost, whatever the connection is used for",
        arguments: Use.allCases)
    func stopped(_ use: Use) async throws {
        try await withServer { server in
            let connection = try await SSHConnection.connect(
                to: server, timeouts: SSHTimeouts(channel: .seconds(60), silence: .milliseconds(800)),
                keepaliveInterval: .milliseconds(100))
            let recorder = ShellRecorder()
            var command: Task<SSHError?, Never>?
            switch use {
            case .shell:
                _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            case .command:
                command = Task { () async -> SSHError? in
                    do throws(SSHError) {
                        _ = try await connection.execute(
                            "echo running; sleep 60", output: { recorder.receive(.data($1)) })
                        return nil
                    } catch {
                        return error
                    }
                }
                #expect(await until { recorder.count > 0 })
            case .afterCommand:
                let ready = try await connection.collect("echo ready")
                #expect(ready.output == "ready\n")
            case .untouched:
                break
            case .transfer:
                _ = try? await connection.collect("echo first")
                command = Task { () async -> SSHError? in
                    do throws(SSHError) {
                        _ = try await connection.execute(
                            "head -c 1000000000 /dev/zero; sleep 60", output: { recorder.receive(.data($1)) })
                        return nil
                    } catch {
                        return error
                    }
                }
                #expect(await until { recorder.count > 1_000_000 })
            }
            // While the server answers, silence is no reason, however long it lasts.
            let quiet = ContinuousClock.now + .milliseconds(1_600)
            #expect(await until { ContinuousClock.now > quiet || connection.isClosed })
            #expect(!connection.isClosed)

            // TCP itself goes on acknowledging.
            let processes = server.sessionProcesses
            #expect(!processes.isEmpty)
            for process in processes { kill(process, SIGSTOP) }
            let start = ContinuousClock.now
            let reason = try await connection.closeFuture.get()
            let elapsed = ContinuousClock.now - start
            #expect(reason?.code == .sessionLost)
            #expect(reason?.message.contains("sign of life for 800 ms") == true, "\(String(describing: reason))")
            #expect(elapsed < .seconds(15))
            if let command { #expect(await command.value?.code == .sessionLost) }
            if use == .shell { #expect(await until { recorder.closings.first??.code == .sessionLost }) }
            for process in processes { kill(process, SIGCONT) }
        }
    }

    @Test("every server answers the question, on a shell and without any channel", .enabled(if: getuid() == 0))
    func answers() async throws {
        let keys = try ClientKeys.shared.get()
        let farm = try DeviceFarm(.init(authorizedKeys: try keys.authorized))
        defer { farm.stop() }
        let dropbear = try await DropbearServer.start(
            hostKeyTypes: ["ed25519"], password: "correct horse", authorizedKeys: try keys.authorized)
        defer { dropbear.stop() }
        let ports = [(farm.devices[0].port, "admin"), (dropbear.servers["ed25519"]?.port ?? 0, dropbear.username)]
        for (port, user) in ports {
            for opensShell in [true, false] {
                let connection = try await SSHConnection.connect(
                    SSHConfiguration(
                        host: "127.0.0.1", port: port, username: user,
                        authentication: [.privateKey(.file(keys.path(.ed25519)), passphrase: nil)],
                        hostKeyVerifier: .unchecked, timeouts: SSHTimeouts(silence: .milliseconds(800)),
                        keepaliveInterval: .milliseconds(50)), on: anyLoop, logger: .silent)
                let recorder = ShellRecorder()
                var shell: SSHShell?
                if opensShell {
                    shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
                }
                let quiet = ContinuousClock.now + .seconds(2)
                #expect(await until { ContinuousClock.now > quiet || connection.isClosed })
                #expect(!connection.isClosed)
                // And the shell that was asked on, or the next one, is as good as new.
                if shell == nil { shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive) }
                let before = recorder.count
                shell?.send("\r\n", on: connection.eventLoop)
                #expect(await until { recorder.count > before })
                await connection.close()
            }
        }
    }

    @Test("a jump host is asked too, and takes its sessions with it when it has stopped")
    func jumpHost() async throws {
        try await withServer { jump in
            let target = try await OpenSSHServer.start()
            defer { target.stop() }
            let configurations = [jump, target].map { server in
                SSHConfiguration(
                    host: server.host, port: server.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked, timeouts: SSHTimeouts(silence: .milliseconds(800)),
                    keepaliveInterval: .milliseconds(100))
            }
            var inner = configurations[1]
            inner.via = [configurations[0]]
            // Only the jump host is asked: the session through it is none the wiser.
            inner.keepaliveInterval = nil
            let connection = try await SSHConnection.connect(inner, on: anyLoop, logger: .silent)
            let recorder = ShellRecorder()
            _ = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            let quiet = ContinuousClock.now + .milliseconds(1_600)
            #expect(await until { ContinuousClock.now > quiet || connection.isClosed })
            #expect(!connection.isClosed)
            let processes = jump.sessionProcesses
            for process in processes { kill(process, SIGSTOP) }
            let reason = try await connection.closeFuture.get()
            #expect(reason?.code == .sessionLost)
            #expect(reason?.message.contains("jump host") == true, "\(String(describing: reason))")
            for process in processes { kill(process, SIGCONT) }
        }
    }

    @Test("a connection that a firewall has forgotten is given up")
    func blackHole() async throws {
        try await withServer { server in
            let proxy = try await FaultProxy(to: server.port, .blackHole, at: .armed)
            let connection = try await SSHConnection.connect(
                SSHConfiguration(
                    host: "127.0.0.1", port: proxy.port, username: server.username,
                    authentication: [.privateKey(.file(server.clientKeyPath), passphrase: nil)],
                    hostKeyVerifier: .unchecked, timeouts: SSHTimeouts(silence: .milliseconds(800)),
                    keepaliveInterval: .milliseconds(100)), on: anyLoop, logger: .silent)
            proxy.arm()
            let reason = try await connection.closeFuture.get()
            #expect(reason?.code == .sessionLost)
            await proxy.stop()
        }
    }

    @Test("questions go on for long without using up anything", arguments: [500])
    func many(_ count: Int) async throws {
        try await withServer { server in
            // Every period is a silent one: each second question's answer is all that comes.
            let connection = try await SSHConnection.connect(
                to: server, timeouts: SSHTimeouts(silence: .seconds(20)), keepaliveInterval: .milliseconds(2))
            let recorder = ShellRecorder()
            let shell = try await connection.openShell(PseudoTerminal(), receive: recorder.receive)
            let done = ContinuousClock.now + .milliseconds(count * 4)
            #expect(await until { ContinuousClock.now > done || connection.isClosed })
            shell.send("echo a''live\n", on: connection.eventLoop)
            #expect(await until { recorder.text.contains("alive") })
            await connection.close()
        }
    }
}
