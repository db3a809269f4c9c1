import Testing

/// Conversations written by hand in the manner of each platform; none was recorded.
enum Transcripts {
    struct Fixture: Sendable, CustomTestStringConvertible {
        var name: String
        var platform: String
        var turns: [Turn]
        /// Output of each command.
        var outputs: [String]
        var failures: [String?]
        var lastPrompt: String
        /// What is typed as a farewell.
        var farewell = "exit\r"
        /// The output holds lines that look like the prompt, or the device draws its prompt more than once: a pause behind one of them
        /// can't be told from the end.
        var hasPromptLikeText = false

        var testDescription: String { self.name }
    }

    static let all: [Fixture] =
        [ios, iosEnable, eos, junos, routeros, routeros6, generic]
        + [xr, nxos, srlinux, sros, srosClassic, vrp, vrp8, comware, aoscx, panos, fortios, vyos, frr]

    static let iosSetup: [Turn] =
        [.prints("\r\n*** Authorised users only ***\r\n\r\nr1#")]
        + .setup("terminal length 0", "r1#")
        + .setup("terminal width 511", "r1#")

    static let ios = Fixture(
        name: "IOS, privileged at once",
        platform: "cisco_iosxe",
        turns: iosSetup
            + .command("show clock", "*00:14:23.123 UTC Mon Mar 1 1993\r\nr1#")
            + .command("show foo", "             ^\r\n% Invalid input detected at '^' marker.\r\n\r\nr1#")
            + .command(
                "show running-config | section banner",
                "banner motd ^C\r\nr1# is not the end\r\nr1#\r\nr1>\r\n^C\r\nr1#")
            + .command(
                "configure terminal", "Enter configuration commands, one per line.  End with CNTL/Z.\r\nr1(config)#")
            + .command("hostname r2", "r2(config)#")
            + [.typed("\r"), .prints("\r\nr2(config)#")]
            + .command("end", "r2#"),
        outputs: [
            "*00:14:23.123 UTC Mon Mar 1 1993\n",
            "             ^\n% Invalid input detected at '^' marker.\n\n",
            "banner motd ^C\nr1# is not the end\nr1#\nr1>\n^C\n",
            "Enter configuration commands, one per line.  End with CNTL/Z.\n",
            "",
            "",
        ],
        failures: [nil, "% Invalid input detected at '^' marker.", nil, nil, nil, nil],
        lastPrompt: "r2#",
        hasPromptLikeText: true
    )

    static let iosEnable = Fixture(
        name: "IOS, enable with a secret, pager in spite of terminal length",
        platform: "cisco_iosxe",
        turns: [.prints("\r\nUser Access Verification\r\n\r\nlab-sw>")]
            + [
                .typed("enable"), .prints("enable"), .typed("\r"), .prints("\r\nPassword: "), .secret(.enable),
                .prints("\r\nlab-sw#"),
            ]
            + .setup("terminal length 0", "Command authorization failed.\r\n\r\nlab-sw#")
            + .setup("terminal width 511", "lab-sw#")
            + [.runs("show ip route"), .typed("show ip route"), .prints("show ip route"), .typed("\r")]
            + [.prints("\r\nCodes: L - local, C - connected\r\n\r\n --More-- "), .typed(" ")]
            + [
                .prints(
                    "\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}         \u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}C  10.0.0.0/8\r\n\r\n --More-- "
                )
            ]
            + [.typed(" "), .prints("\r           \r\r\nL  10.0.0.1/32\r\nlab-sw#")],
        outputs: ["Codes: L - local, C - connected\n\nC  10.0.0.0/8\n\n\nL  10.0.0.1/32\n"],
        failures: [nil],
        lastPrompt: "lab-sw#"
    )

    static let eos = Fixture(
        name: "EOS, enable without a password, doubled echo",
        platform: "arista_eos",
        turns: [.prints("Last login: Mon Mar  1 00:00:00 1993 from 192.0.2.9\r\r\nleaf1>")]
            + .setup("enable", "leaf1#")
            + .setup("terminal length 0", "Pagination disabled.\r\nleaf1#")
            + .setup("terminal width 32767", "Width set to 32767 columns.\r\nleaf1#")
            + .command(
                "show version | include image",
                "leaf1#show version | include image\r\nSoftware image version: 4.30.1F\r\nleaf1#")
            + .command("configure session a", "leaf1(config-s-a)#")
            + .command("abort", "leaf1#"),
        outputs: ["Software image version: 4.30.1F\n", "", ""],
        failures: [nil, nil, nil],
        lastPrompt: "leaf1#"
    )

    static let junos = Fixture(
        name: "Junos, two-line prompts",
        platform: "juniper_junos",
        turns: [.prints("--- JUNOS 21.4R3 built 2023-01-01\r\n\r\n{master:0}\r\nadmin@mx1> ")]
            + .setup("set cli complete-on-space off", "Disabling complete-on-space\r\n\r\n{master:0}\r\nadmin@mx1> ")
            + .setup("set cli screen-length 0", "Screen length set to 0\r\n\r\n{master:0}\r\nadmin@mx1> ")
            + .setup("set cli screen-width 511", "Screen width set to 511\r\n\r\n{master:0}\r\nadmin@mx1> ")
            + .command(
                "show system uptime", "Current time: 1993-03-01\r\n{not a prompt}\r\n\r\n{master:0}\r\nadmin@mx1> ")
            + .command(
                "show foo", "                ^\r\nsyntax error, expecting <command>.\r\n\r\n{master:0}\r\nadmin@mx1> ")
            + .command(
                "configure",
                "Entering configuration mode\r\n\r\n{master:0}[edit]\r\nadmin@mx1# "
            )
            + .command(
                "commit",
                "# commit confirmed will be rolled back in 10 minutes\r\ncommit complete\r\n\r\n{master:0}[edit]\r\nadmin@mx1# "
            ),
        outputs: [
            "Current time: 1993-03-01\n{not a prompt}\n\n",
            "                ^\nsyntax error, expecting <command>.\n\n",
            "Entering configuration mode\n\n",
            "# commit confirmed will be rolled back in 10 minutes\ncommit complete\n\n",
        ],
        failures: [nil, "syntax error, expecting <command>.", nil, nil],
        lastPrompt: "admin@mx1#"
    )

    /// RouterOS draws the line again for each key, and prints the prompt more than once.
    static let routeros = Fixture(
        name: "RouterOS 7, redrawn prompt",
        platform: "mikrotik_routeros",
        turns: [
            .prints(
                "\r\n  MikroTik RouterOS 7.10 (c) 1999-2023\r\n\r\nPress F1 for help\r\n\r\n\u{1B}[9999B[admin@Core Zürich] > \r[admin@Core Zürich] > "
            )
        ]
            + [.runs("/ip address print"), .typed("/ip address print")]
            + [.prints("/\r\u{1B}[K[admin@Core Zürich] > /ip\r\u{1B}[K[admin@Core Zürich] > /ip address print")]
            + [
                .typed("\r\n"),
                .prints(
                    "\r\r\n[admin@Core Zürich] > /ip address print\r\nFlags: X - disabled\r\n 0   10.0.0.1/24\r\n\r\n"),
            ]
            + [.prints("\r\r\r\r[admin@Core Zürich] > ")]
            + .command("/foo", ending: "\r\n", "bad command name foo (line 1 column 2)\r\n\r[admin@Core Zürich] > "),
        outputs: ["Flags: X - disabled\n 0   10.0.0.1/24\n\n", "bad command name foo (line 1 column 2)\n"],
        failures: [nil, "bad command name foo (line 1 column 2)"],
        lastPrompt: "[admin@Core Zürich] >",
        farewell: "/quit\r\n",
        hasPromptLikeText: true
    )

    static let routeros6 = Fixture(
        name: "RouterOS 6, licence question, menu prompt",
        platform: "mikrotik_routeros",
        turns: [
            .prints("\r\nDo you want to see the software license? [Y/n]: "), .typed("n"),
            .prints("n\r\n\r\nPress \"Enter\" to continue!\r\n"),
        ]
            + [.typed("\r\n"), .prints("\r\n[admin@MT] > ")]
            + .command("/ip address", ending: "\r\n", "[admin@MT] /ip address> ")
            + .command("print", ending: "\r\n", " 0   10.0.0.1/24\r\n[admin@MT] /ip address> "),
        outputs: ["", " 0   10.0.0.1/24\n"],
        failures: [nil, nil],
        lastPrompt: "[admin@MT] /ip address>",
        farewell: "/quit\r\n"
    )

    static let generic = Fixture(
        name: "generic, a shell with bracketed paste and colours",
        platform: "generic",
        turns: [
            .prints(
                "Welcome!\r\n\u{1B}[?2004h\u{1B}]0;me@box: ~\u{7}\u{1B}[01;32mme@box\u{1B}[00m:\u{1B}[01;34m~\u{1B}[00m$ "
            )
        ]
            + [
                .typed("\r"),
                .prints(
                    "\r\n\u{1B}[?2004l\r\u{1B}[?2004h\u{1B}]0;me@box: ~\u{7}\u{1B}[01;32mme@box\u{1B}[00m:\u{1B}[01;34m~\u{1B}[00m$ "
                ),
            ]
            + .command(
                "ls --color",
                "\u{1B}[?2004l\r\u{1B}[0m\u{1B}[01;34mbin\u{1B}[0m  \u{1B}[01;34mlib\u{1B}[0m\r\n\u{1B}[?2004hme@box:~$ "
            ),
        outputs: ["bin  lib\n"],
        failures: [nil],
        lastPrompt: "me@box:~$"
    )
}
