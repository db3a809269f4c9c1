import Lab
import NIOConcurrencyHelpers
import NIOCore
import SSH
import Testing

@testable import Devices

@Suite("Sessions with every platform")
struct PlatformSessionTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var personality: Personality
        var command: String
        var contains: String
        var rejected: String
        /// What ends every output: Junos prints an empty line before its prompt.
        var end = "\n"
        var testDescription: String { self.personality.rawValue }
    }

    static let examples = [
        Example(personality: .ciscoIOSXE, command: "show version", contains: "Cisco IOS XE", rejected: "shwo version"),
        Example(personality: .aristaEOS, command: "show version", contains: "Arista", rejected: "shwo version"),
        Example(
            personality: .juniperJunos, command: "show version", contains: "Junos", rejected: "shwo version",
            end: "\n\n"),
        Example(
            personality: .mikrotikRouterOS, command: "/system resource print", contains: "version",
            rejected: "/sistem print"),
        Example(personality: .linux, command: "uname -a", contains: "GNU/Linux", rejected: "nosuchcommand"),
    ]

    @Test(
        "a command is answered, a rejected one has failed and harms nothing, and one login serves all",
        arguments: examples)
    func commands(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        try await lab.withClient { client in
            let first = try await client.run(lab.name, example.command)
            #expect(first.text.contains(example.contains), "\(first.text)")
            #expect(first.failure == nil)
            let rejected = try await client.run(lab.name, example.rejected)
            #expect(rejected.failure != nil, "\(rejected)")
            let again = try await client.run(lab.name, example.command)
            #expect(again.failure == nil && again.text.contains(example.contains))
            #expect(lab.device.counters.logins == 1)
            #expect(client.openSessionCount == 1 && client.hasSession(lab.name))
        }
        try await until("the device sees its session gone") { lab.device.counters.openSessions == 0 }
    }

    @Test("large output is complete to the byte, collected and streamed", arguments: examples)
    func largeOutput(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        let expected = DeterministicText.text(bytes: 300_000)
        try await lab.withClient { client in
            let session = try await client.session(for: #require(client.inventory[lab.name]))
            let streamed = NIOLockedValueBox<[UInt8]>([])
            let result = try await session.run(DeviceCommand("lab output 300000")) { piece in
                streamed.withLockedValue { $0.append(contentsOf: piece.readableBytesView) }
            }
            #expect(result.text == expected + example.end)
            #expect(streamed.withLockedValue { $0 } == result.output)
            let uncollected = try await session.run(DeviceCommand("lab output 1000", collectsOutput: false))
            #expect(uncollected.output.isEmpty && uncollected.failure == nil)
        }
    }

    @Test("a prompt-like line inside the output doesn't end the command", arguments: examples)
    func promptLike(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        try await lab.withClient { client in
            let result = try await client.run(lab.name, "lab prompt-like")
            let next = try await client.run(lab.name, "lab output 100")
            #expect(result.failure == nil)
            #expect(next.text == DeterministicText.text(bytes: 100) + example.end)
        }
    }

    @Test("a probe proves that the device answers, and leaves the session ready", arguments: examples)
    func probe(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        try await lab.withClient { client in
            let device = try #require(client.inventory[lab.name])
            let session = try await client.session(for: device)
            for _ in 0..<3 { try await session.probe() }
            let result = try await session.run(DeviceCommand("lab output 100"))
            #expect(result.text == DeterministicText.text(bytes: 100) + example.end)
            try await session.probe()
            #expect(lab.device.counters.logins == 1)

            guard example.personality != .linux else { return }
            lab.device.setFault(.hangAfterLogin)
            let error = try await deviceError { try await session.probe(timeout: .milliseconds(200)) }
            #expect(error.code == "command.timeout" && error.delivery == .notSent && error.isRetriable)
            #expect(!session.isOpen)
        }
    }

    @Test("the enable secret opens the privileged mode; without it the session is refused")
    func enable() async throws {
        let lab = try TestLab([.ciscoIOSXE]) { $0.enableSecret = "open sesame" }
        try await lab.withClient { client in
            let result = try await client.run(lab.name, "show running-config")
            #expect(result.text.contains("hostname"))
        }
        var device = try #require(lab.configuration.inventory[lab.name])
        device.credential.enableSecret = Secret("wrong")
        var other = lab
        other.configuration.inventory = try Inventory(devices: [device])
        try await other.withClient { client in
            let error = try await deviceError { try await client.run(lab.name, "show running-config") }
            #expect(error.code == "privilege.denied" && !error.isRetriable, "\(error)")
            #expect(!error.message.contains("wrong"))
        }
    }

    @Test("exit statuses of exec channels are told")
    func exitStatus() async throws {
        let lab = try TestLab([.linux])
        try await lab.withClient { client in
            let good = try await client.run(lab.name, "true")
            #expect(good.exitStatus == 0 && good.failure == nil)
            let bad = try await client.run(lab.name, "ls /nowhere")
            #expect(bad.exitStatus == 1 && bad.failure == "exit status 1")
            #expect(bad.text.contains("No such file or directory"))
        }
    }
}
