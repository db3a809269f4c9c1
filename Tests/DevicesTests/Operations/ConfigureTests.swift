import Dialogue
import Lab
import Testing

@testable import Devices

@Suite("Changing the configuration")
struct ConfigureTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var personality: Personality
        var lines: [String]
        /// What shows in the running configuration afterwards.
        var shown: String
        var refused: String
        var isLive = false
        var testDescription: String { self.personality.rawValue }
    }

    static let examples = [
        Example(
            personality: .ciscoIOSXE, lines: ["interface Loopback7", " description to the moon"],
            shown: "description to the moon", refused: "shutdwon", isLive: true),
        Example(
            personality: .aristaEOS, lines: ["interface Loopback7", " description to the moon"],
            shown: "description to the moon", refused: "shutdwon"),
        Example(
            personality: .juniperJunos, lines: ["set interfaces lo0 description moon"],
            shown: "interfaces lo0 description moon", refused: "sett interfaces lo0"),
    ]

    @Test("lines take effect, and the session is ready for the next command", arguments: examples)
    func applied(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        try await lab.withClient { client async throws in
            let result = try await client.configure(lab.name, ConfigurationChange(example.lines))
            #expect(result.state == .applied && result.succeeded, "\(result)")
            #expect(result.lines.map(\.command) == example.lines && !result.isSaved)
            #expect(lab.device.runningConfiguration.contains { $0.contains(example.shown) })
            #expect((result.diff?.contains("moon") ?? false) == !example.isLive, "\(result.diff ?? "none")")
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test(
        "after a refused line nothing more is typed, and nothing takes effect where the platform can help it",
        arguments: examples)
    func refused(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        let before = lab.device.runningConfiguration
        try await lab.withClient { client async throws in
            let lines = example.lines + [example.refused, "hostname never"]
            let result = try await client.configure(lab.name, ConfigurationChange(lines, saving: .onSuccess))
            #expect(!result.succeeded && result.failure != nil && result.error == nil)
            #expect(result.state == (example.isLive ? .partlyApplied : .discarded))
            #expect(result.lines.count == example.lines.count + 1 && !result.isSaved)
            #expect((lab.device.runningConfiguration == before) == !example.isLive)
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
        #expect(!lab.device.commands.contains { $0.command == "hostname never" })
    }

    @Test("a dry run tells what would change, and changes nothing", arguments: examples)
    func dryRun(_ example: Example) async throws {
        let lab = try TestLab([example.personality])
        let before = lab.device.runningConfiguration
        try await lab.withClient { client async throws in
            let change = ConfigurationChange(example.lines, commit: .dryRun)
            if example.isLive {
                let error = try await deviceError { try await client.configure(lab.name, change) }
                #expect(error.code == "operation.unsupported" && error.delivery == .notSent)
            } else {
                let result = try await client.configure(lab.name, change)
                #expect(result.state == .discarded && result.succeeded)
                #expect(result.diff?.contains("moon") == true)
            }
            #expect(try await client.run(lab.name, "show version").failure == nil)
        }
        #expect(lab.device.runningConfiguration == before)
    }

    @Test("a commit that the device refuses leaves nothing behind, and its words are told")
    func refusedCommit() async throws {
        let lab = try TestLab([.juniperJunos])
        let before = lab.device.runningConfiguration
        try await lab.withClient { client async throws in
            let result = try await client.configure(
                lab.name, ConfigurationChange(["set interfaces ge-0/0/0 mtu 99999"]))
            #expect(result.state == .discarded && result.failure?.contains("error") == true, "\(result)")
            #expect(lab.device.runningConfiguration == before)
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
    }

    @Test("a commit for a time is confirmed once the device has answered again, or left to its caller")
    func confirmed() async throws {
        let lab = try TestLab([.juniperJunos])
        try await lab.withClient { client async throws in
            let lines = ["set interfaces lo0 description moon"]
            let result = try await client.configure(
                lab.name, ConfigurationChange(lines, commit: .within(.seconds(90))))
            #expect(result.state == .applied && result.succeeded)
            let commits = lab.device.commands.map(\.command).filter { $0.hasPrefix("commit") }
            #expect(commits == ["commit confirmed 2", "commit"])

            let pending = try await client.configure(
                lab.name,
                ConfigurationChange(["set interfaces lo0 mtu 1400"], commit: .within(.seconds(60), confirms: false)))
            #expect(pending.state == .unconfirmed && pending.succeeded)
            let session = try await client.session(for: #require(client.inventory[lab.name]))
            try await session.confirmConfiguration()
            #expect(
                lab.device.commands.map(\.command).filter { $0.hasPrefix("commit") }.suffix(2) == [
                    "commit confirmed 1", "commit",
                ])
        }
    }

    @Test("what is saved survives a restart; what isn't doesn't")
    func saving() async throws {
        let lab = try TestLab()
        let reload = DeviceCommand(
            "reload", answers: [.text("no", to: "save\\? \\[yes/no\\]:"), .key("\r", to: "\\[confirm\\]")],
            endsSession: true)
        try await lab.withClient { client async throws in
            let saved = try await client.configure(
                lab.name, ConfigurationChange(text: "interface Loopback7\n description kept\n\n", saving: .onSuccess))
            #expect(saved.isSaved && saved.state == .applied && saved.lines.count == 2)
            _ = try await client.configure(lab.name, ConfigurationChange(["interface Loopback8"]))
            #expect(try await client.run(lab.name, reload).endedSession)
            let configuration = lab.device.runningConfiguration
            #expect(configuration.contains("interface Loopback7") && !configuration.contains("interface Loopback8"))
        }
    }

    @Test("a change whose session is lost in the middle is unknown, and never typed again")
    func lost() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            let result = try await client.configure(
                lab.name, ConfigurationChange(["lab count one", "lab count two drop", "lab count three"]))
            #expect(result.state == .unknown && result.error?.code == "session.lost" && result.lines.count == 1)
            for (name, count) in [("one", 1), ("two", 1), ("three", 0)] { #expect(lab.device.count(of: name) == count) }
        }
    }

    @Test("a caller that is cancelled leaves no candidate behind")
    func cancelled() async throws {
        let lab = try TestLab([.juniperJunos])
        let before = lab.device.runningConfiguration
        try await lab.withClient { client async throws in
            let task = Task {
                try await client.configure(
                    lab.name, ConfigurationChange(["set interfaces lo0 mtu 1400", "lab sleep 60000"]))
            }
            try await until("it runs") { lab.device.commands.contains { $0.command == "lab sleep 60000" } }
            task.cancel()
            let result = try await task.value
            #expect(result.state == .discarded && result.error?.code == "cancelled")
            #expect(try await client.run(lab.name, "show version").failure == nil)
            #expect(lab.device.counters.logins == 1)
        }
        #expect(lab.device.runningConfiguration == before)
    }

    @Test("a platform without configuration says so")
    func unsupported() async throws {
        let lab = try TestLab([.linux])
        try await lab.withClient { client async throws in
            let error = try await deviceError { try await client.configure(lab.name, ConfigurationChange(["x"])) }
            #expect(error.code == "operation.unsupported" && error.message.contains("linux"))
        }
    }

    // MARK: Texts of several lines

    @Test(
        "a banner of several lines is one line of configuration",
        arguments: [
            (Personality.ciscoIOSXE, "banner motd ^C", "^C"), (.ciscoIOSXE, "banner login #Hello", "bye#"),
            (.aristaEOS, "banner motd", "EOF"),
        ])
    func banner(_ personality: Personality, _ first: String, _ last: String) async throws {
        let lab = try TestLab([personality])
        let text = "\(first)\nAuthorised users only?\n\n  hostname never\nPassword:\n\(last)"
        try await lab.withClient { client async throws in
            let result = try await client.configure(
                lab.name, ConfigurationChange(text: "\nip domain name a\n\n\(text)\n\nip domain name b\n"))
            #expect(result.state == .applied && result.succeeded, "\(result)")
            #expect(result.lines.map(\.command) == ["ip domain name a", text, "ip domain name b"])
            #expect(lab.device.runningConfiguration.joined(separator: "\n").contains(text))
            #expect(lab.device.counters.logins == 1)
        }
        #expect(!lab.device.commands.contains { $0.command.contains("never") || $0.command.contains("Password") })
    }

    @Test("a text that doesn't end, or that may end too early, is refused before anything is sent")
    func unfinishedText() async throws {
        let lab = try TestLab()
        try await lab.withClient { client async throws in
            for text in ["banner motd ^C\nhello\n", "banner motd ^C\na ^ b\n^C", "banner motd #\n\u{3}\n#"] {
                let error = try await deviceError {
                    try await client.configure(lab.name, ConfigurationChange(text: "hostname never\n\(text)"))
                }
                #expect(error.code == "command.invalid" && error.delivery == .notSent, "\(error)")
            }
            let empty = try await deviceError {
                try await client.configure(lab.name, ConfigurationChange(text: "\n \n"))
            }
            #expect(empty.code == "command.invalid")
        }
        #expect(!lab.device.commands.contains { $0.command == "hostname never" })
    }

    @Test("where nobody has said how a platform takes a text, it is refused before anything is sent")
    func unknownText() throws {
        let platform = try #require(PlatformLibrary().platform(named: "hp_comware"))
        let device = Device(name: "switch1", host: "192.0.2.1", platform: "hp_comware")
        let error = #expect(throws: DeviceError.self) {
            try ConfigurationLine.reading(
                ["header motd %", "hello", "%"], by: platform.configuration?.texts ?? [], device: device)
        }
        #expect(error?.code == "operation.unsupported" && error?.delivery == .notSent)
    }
}
