import Dialogue
import Foundation
import Testing

@Suite("Platform definitions")
struct PlatformDefinitionTests {
    @Test("the shipped definitions load without a note")
    func shipped() throws {
        let library = try PlatformLibrary()
        #expect(
            library.names == [
                "arista_eos",
                "aruba_aoscx",
                "cisco_iosxe",
                "cisco_iosxr",
                "cisco_nxos",
                "fortinet_fortios",
                "frr_vtysh",
                "generic",
                "hp_comware",
                "huawei_vrp",
                "huawei_vrpv8",
                "juniper_junos",
                "linux",
                "mikrotik_routeros",
                "nokia_srlinux",
                "nokia_sros",
                "nokia_sros_classic",
                "paloalto_panos",
                "vyos",
            ]
        )
        for name in library.names { #expect(library.platform(named: name)?.notes == []) }
    }

    @Test(
        "platforms go by their aliases too",
        arguments: [
            ("cisco_ios", "cisco_iosxe"), ("cisco_xe", "cisco_iosxe"), ("arista", "arista_eos"),
            ("mikrotik", "mikrotik_routeros"),
            ("junos", "juniper_junos"),
        ])
    func aliases(_ alias: String, _ name: String) throws {
        #expect(try PlatformLibrary().platform(named: alias)?.name == name)
    }

    @Test("an unknown name gives nothing")
    func unknown() throws {
        #expect(try PlatformLibrary().platform(named: "no_such") == nil)
    }

    @Test("what the connection needs is in the definition")
    func connection() throws {
        let routeros = try platform("mikrotik_routeros")
        #expect(routeros.usernameSuffix == "+ct511w4098h")
        #expect(routeros.terminal.rows == 4_098)
        #expect(try platform("linux").transport == .exec)
        #expect(try platform("cisco_iosxe").transport == .terminal)
        #expect(try platform("cisco_iosxe").terminal == .init(type: "vt100", columns: 511, rows: 1_000))
    }

    /// In the published format, made up for this test.
    static let scrapliStyle = #"""
        ---
        # a switch that doesn't exist
        prompt_pattern: '^[a-z0-9.\-]{,48}(?:\(cfg\))?[>#]\s?+$'
        default_mode: 'admin'
        modes:
          - name: 'user'
            prompt_pattern: '^[a-z0-9.\-]{,48}>\s?+$'
            accessible_modes:
              - name: 'admin'
                instructions:
                  - send_prompted_input:
                      input: 'super'
                      prompt_pattern: '^pass:\s?$'
                      response: '__lookup::enable'
          - name: 'admin'
            prompt_pattern: '^[a-z0-9.\-]{,48}#\s?+$'
            prompt_excludes:
              - '(cfg)'
            accessible_modes:
              - name: 'user'
                instructions:
                  - send_input:
                      input: 'drop'
              - name: 'cfg'
                instructions:
                  - send_input:
                      input: 'edit'
          - name: 'cfg'
            prompt_exact: 'sw1(cfg)#'
            accessible_modes:
              - name: 'admin'
                instructions:
                  - write:
                      input: 'done'
        failure_indicators:
          - '? Bad'
        on_open_instructions:
          - enter_mode:
              requested_mode: 'admin'
          - send_input:
              input: 'page off'
        on_close_instructions:
          - enter_mode:
              requested_mode: 'user'
          - write:
              input: 'bye'
        force_in_session_auth: false
        ntc_templates_platform: 'imaginary'
        genie_platform: 'imaginary'
        x_comment: whatever
        new_in_a_later_version: 1
        """#

    @Test("a definition in scrapli's format is read, and works")
    func scrapliFormat() throws {
        let platform = try PlatformDefinition(yaml: Self.scrapliStyle, file: "dir/imaginary_os.yaml")
        #expect(platform.name == "imaginary_os")
        #expect(platform.notes.count == 1)
        #expect(platform.notes.first?.contains("new_in_a_later_version") == true)

        var device = ScriptedDevice(platform)
        let turns: [Turn] =
            [
                .prints("hello\r\nsw1> "), .typed("super"), .prints("super"), .typed("\r"), .prints("\r\npass: "),
                .secret(.enable),
            ]
            + [.prints("\r\nsw1# ")]
            + .setup("page off", "sw1# ")
            + .command("do it", "done\r\n? Bad day\r\nsw1# ")
            + .command("edit", "sw1(cfg)# ")
        let conversation = device.play(turns)
        #expect(conversation.error == nil)
        #expect(conversation.commands.map(\.outputText) == ["done\n? Bad day\n", ""])
        #expect(conversation.commands.first?.completion?.failure == "? Bad day")
        #expect(device.machine.modeName == "cfg")
        var actions: [DialogueMachine.Action] = []
        device.machine.hangUp(&actions)
        #expect(actions == [.send(Array("bye\r".utf8))])
    }

    @Test("a prompt that spans two lines is recognised, and only then taken out of the output")
    func twoLinePrompt() throws {
        let yaml = #"""
            name: two
            prompt_pattern: '^--\{ [+* ]*running \}--\[.*\]--\s*\n[AB]:\S+#\s*$'
            """#
        var device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let prompt = "--{ running }--[  ]--\r\nA:srl1# "
        let conversation = device.play(
            [.prints("Welcome\r\n" + prompt)] + .command("show x", "--{ x }--\r\nA:no\r\n" + prompt)
                + .command("show y", "last\r\n--{ * running }--[ interface e1 ]--\r\nA:srl1# ")
        )
        #expect(conversation.commands.map(\.outputText) == ["--{ x }--\nA:no\n", "last\n"])
        #expect(conversation.commands.last?.completion?.prompt == "A:srl1#")
    }

    @Test("a pattern that knows both lines of a prompt counts more than one that knows the last")
    func modeOfTwoLinePrompt() throws {
        let yaml = #"""
            name: two
            modes:
              - {name: shell, prompt_pattern: '^\S+# ?$'}
              - {name: cli, prompt_pattern: '^--\{ cli \}--\nA:\S+# ?$'}
            """#
        var device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        _ = device.play([.prints("--{ cli }--\r\nA:srl1# ")] + .command("bash", "A:srl1# "))
        #expect(device.machine.modeName == "shell")
        device = ScriptedDevice(try PlatformDefinition(yaml: yaml))
        let conversation = device.play(
            [.prints("A:srl1# ")] + .command("exit", "--{ cli }--\r\nA:srl1# ")
                + .command("x", "--{ cli }--\r\nA:srl1# "))
        #expect(device.machine.modeName == "cli")
        #expect(conversation.commands.map(\.outputText) == ["", ""])
    }

    @Test(
        "a mistake is named with file, place, key, and what is expected",
        arguments: [
            ("", ["f.yaml", "empty"]),
            ("- a\n- b", ["f.yaml", "expected a map"]),
            ("a: [", ["f.yaml", "not valid YAML"]),
            ("name: x", ["f.yaml", "prompt_pattern", "modes"]),
            ("prompt_pattern: '('", ["f.yaml:1", "prompt_pattern", "regular expression", "offset 1"]),
            ("prompt_pattern: [a]", ["prompt_pattern", "expected a text"]),
            ("prompt_pattern: x\ntransport: telnet", ["f.yaml:2", "transport", "terminal, exec", "telnet"]),
            ("prompt_pattern: x\nline_ending: \"\\r\"", ["line_ending", "cr, lf, crlf"]),
            ("prompt_pattern: x\nterminal: {columns: wide}", ["terminal.columns", "number from 20"]),
            ("prompt_pattern: x\nconfirm_prompt: maybe", ["confirm_prompt", "true or false"]),
            ("prompt_pattern: x\naliases: a", ["aliases", "expected a list"]),
            ("modes:\n- prompt_pattern: x", ["f.yaml:2", "modes[0]", "“name”"]),
            ("modes:\n- name: a", ["modes[0]", "“prompt_pattern”"]),
            ("modes:\n- {name: a, prompt_pattern: x}\n- {name: a, prompt_pattern: y}", ["modes[1]", "two named “a”"]),
            (
                "name: x\ndefault_mode: c\nmodes:\n- {name: a, prompt_pattern: x}\n- {name: b, prompt_pattern: y}",
                ["default_mode", "a, b", "“c”"]
            ),
            (
                "modes:\n- {name: a, prompt_pattern: x, accessible_modes: [{name: z, instructions: []}]}",
                ["modes", "“z”"]
            ),
            (
                "prompt_pattern: x\non_open_instructions: [{sing: {}}]",
                ["on_open_instructions[0]", "write, enter_mode"]
            ),
            (
                "prompt_pattern: x\non_open_instructions: [{send_input: {}}]",
                ["on_open_instructions[0].send_input", "“input”"]
            ),
            ("prompt_pattern: x\non_open_instructions: [{send_input: {input: \"a\\nb\"}}]", ["input", "one line"]),
            (
                "name: x\nprompt_pattern: x\non_open_instructions: [{enter_mode: {requested_mode: z}}]",
                ["on_open_instructions", "“z”"]
            ),
            ("prompt_pattern: x\nfailure_patterns: ['[']", ["failure_patterns[0]", "regular expression"]),
            ("prompt_pattern: x\npagers: [{pattern: more}]", ["pagers[0]", "“key”"]),
            (Self.modes + "configuration: {commit: [commit]}", ["configuration", "“mode”"]),
            (Self.modes + "configuration: {mode: z}", ["configuration.mode", "a, b", "“z”"]),
            (
                Self.modes + "configuration: {mode: b, commit_confirmed: [x]}",
                ["configuration", "both", "“confirm”"]
            ),
            (
                Self.modes + "configuration: {mode: b, commit: ['go {minutes}']}",
                ["commit[0]", "{minutes}"]
            ),
            (Self.modes + "configuration: {mode: b, commit: [{mode: b}]}", ["commit[0]", "“command”"]),
            (Self.modes + "save: [\"a\\nb\"]", ["save[0]", "one line"]),
            (
                Self.modes + "save: [{command: x, answers: [{pattern: y}]}]",
                ["save[0].answers[0]", "“answer”"]
            ),
            (Self.modes + "file_transfer: {method: tftp}", ["file_transfer.method", "sftp, scp, none"]),
            (
                Self.modes + "file_transfer: {method: scp, checksum: {algorithm: crc, command: x}}",
                ["checksum.algorithm", "md5"]
            ),
        ])
    func mistakes(_ yaml: String, _ parts: [String]) throws {
        let error = try #require(throws: PlatformError.self) { try PlatformDefinition(yaml: yaml, file: "f.yaml") }
        for part in parts { #expect(error.description.contains(part), "\(error) should say \(part)") }
    }

    private static let modes =
        "modes:\n- {name: a, prompt_pattern: x}\n- {name: b, prompt_pattern: y}\n"

    @Test("each platform says how it is configured, saved and copied to")
    func procedures() throws {
        let library = try PlatformLibrary()
        var live: [String] = []
        var staged: [String] = []
        for name in library.names {
            let platform = try #require(library.platform(named: name))
            guard let configuration = platform.configuration else { continue }
            #expect(platform.modes.contains(configuration.mode), "\(name)")
            if configuration.isLive { live.append(name) } else { staged.append(name) }
            if !configuration.isLive { #expect(!configuration.abort.isEmpty, "\(name)") }
        }
        #expect(
            staged == [
                "arista_eos", "cisco_iosxr", "huawei_vrpv8", "juniper_junos", "nokia_srlinux", "nokia_sros",
                "paloalto_panos",
                "vyos",
            ])
        #expect(
            live == [
                "aruba_aoscx", "cisco_iosxe", "cisco_nxos", "fortinet_fortios", "frr_vtysh", "hp_comware",
                "huawei_vrp",
                "mikrotik_routeros", "nokia_sros_classic",
            ])
        #expect(try platform("cisco_iosxe").save.map(\.command) == ["write memory"])
        #expect(try platform("cisco_iosxe").save.first?.mode == "privileged_exec")
        #expect(try platform("cisco_iosxe").fileTransfer.transport == .scp)
        #expect(try platform("mikrotik_routeros").fileTransfer.transport == .sftp)
        #expect(try platform("generic").configuration == nil)
    }

    @Test("a time stands where the platform wants it, in its unit")
    func placeholders() throws {
        func commit(_ name: String, _ duration: Duration) throws -> String? {
            try platform(name).configuration?.commitConfirmed.first?.command(within: duration)
        }
        #expect(try commit("juniper_junos", .seconds(61)) == "commit confirmed 2")
        #expect(try commit("cisco_iosxr", .seconds(61)) == "commit confirmed 61")
        #expect(try commit("arista_eos", .seconds(3_723)) == "commit timer 01:02:03")
        #expect(try commit("vyos", .zero) == "commit-confirm 1")
        let checksum = try #require(try platform("cisco_iosxe").fileTransfer.checksum)
        #expect(checksum.step.command(path: "flash:a.bin") == "verify /md5 flash:a.bin")
        let output = "....Done!\nverify /md5 (flash:a.bin) = 0123456789ABCDEF0123456789abcdef\n"
        #expect(checksum.hash(in: output) == "0123456789abcdef0123456789abcdef")
        #expect(checksum.hash(in: "%Error opening flash:a.bin (File not found)") == nil)
    }

    @Test("without a file, a definition must say its name")
    func name() {
        #expect(throws: PlatformError.self) { try PlatformDefinition(yaml: "prompt_pattern: x") }
    }

    @Test("a user's directory adds platforms and replaces shipped ones")
    func directory() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("platforms-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try "prompt_pattern: '^x#'".write(
            to: directory.appendingPathComponent("my_os.yaml"), atomically: true, encoding: .utf8)
        try "name: generic\nusername_suffix: '@x'\nprompt_pattern: '^x#'"
            .write(to: directory.appendingPathComponent("other.yml"), atomically: true, encoding: .utf8)
        try "not a definition".write(
            to: directory.appendingPathComponent("README.txt"), atomically: true, encoding: .utf8)
        let library = try PlatformLibrary(directory: directory.path)
        #expect(library.names.contains("my_os"))
        #expect(library.platform(named: "generic")?.usernameSuffix == "@x")
        try "modes: 1".write(to: directory.appendingPathComponent("broken.yaml"), atomically: true, encoding: .utf8)
        let error = try #require(throws: PlatformError.self) { try PlatformLibrary(directory: directory.path) }
        #expect(error.description.contains("broken.yaml"))
        #expect(throws: PlatformError.self) { try PlatformLibrary(directory: directory.path + "/none") }
    }
}
