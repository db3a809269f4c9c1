extension Transcripts {
    static let xr: Fixture = {
        let prompt = "RP/0/RP0/CPU0:core1#"
        let config = "RP/0/RP0/CPU0:core1(config)#"
        let time = "\r\nTue Nov 24 10:11:12.345 UTC\r\n"
        return Fixture(
            name: "IOS XR, uncommitted changes",
            platform: "cisco_iosxr",
            turns: [.prints("\r\n\r\nIMPORTANT: authorised use only\r\n\r\n\r\n\(prompt)")]
                + .setup("terminal length 0", time + prompt)
                + .setup("terminal width 512", time + prompt)
                + .command(
                    "show version | include XR", time + "Cisco IOS XR Software, Version 7.5.2\r\n" + prompt)
                + .command("show foo", "         ^\r\n% Invalid input detected at '^' marker.\r\n" + prompt)
                + .mode("configuration", "configure terminal", time + config)
                + .command("interface Loopback7 description x", config)
                + .command(
                    "commit",
                    time
                        + "% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been reverted.\r\n"
                        + config)
                + [
                    .enters("privileged_exec"), .typed("end"), .prints("end"), .typed("\r"),
                    .prints(
                        "\r\nUncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:"),
                    .typed("no\r"), .prints("no\r\n" + prompt),
                ],
            outputs: [
                "\nTue Nov 24 10:11:12.345 UTC\nCisco IOS XR Software, Version 7.5.2\n",
                "         ^\n% Invalid input detected at '^' marker.\n",
                "",
                "",
                "\nTue Nov 24 10:11:12.345 UTC\n% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been reverted.\n",
                "",
            ],
            failures: [
                nil, "% Invalid input detected at '^' marker.", nil, nil,
                "% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been reverted.",
                nil,
            ],
            lastPrompt: prompt
        )
    }()

    static let nxos = Fixture(
        name: "NX-OS, odd line ends, progress of a copy",
        platform: "cisco_nxos",
        turns: [.prints("\r\r\nCisco Nexus Operating System (NX-OS) Software\r\r\nsw1# ")]
            + .setup("terminal length 0", "\rsw1# ")
            + .setup("terminal width 511", "\rsw1# ")
            + .command("show hostname", "\rsw1.example.com \r\r\n\rsw1# ")
            + .command("show foo", "          ^\r\r\n% Invalid command at '^' marker.\r\r\nsw1# ")
            + .mode(
                "configuration", "configure terminal",
                "Enter configuration commands, one per line. End with CNTL/Z.\r\r\nsw1(config)# ")
            + .command("interface Ethernet1/1", "sw1(config-if)# ")
            + .mode("privileged_exec", "end", "sw1# ")
            + .command(
                "copy running-config startup-config",
                "\r\n[#                   ]   2%\r[##########          ]  50%\r[####################] 100%\r\r\nCopy complete.\r\r\nsw1# "
            ),
        outputs: [
            "sw1.example.com \n", "          ^\n% Invalid command at '^' marker.\n", "", "", "",
            "\n[####################] 100%\nCopy complete.\n",
        ],
        failures: [nil, "% Invalid command at '^' marker.", nil, nil, nil, nil],
        lastPrompt: "sw1#"
    )

    static let srlinux: Fixture = {
        let prompt = "--{ + running }--[  ]--\r\nA:srl1# "
        let candidate = "--{ + candidate private private-admin }--[  ]--\r\nA:srl1# "
        let changed = "--{ +* candidate private private-admin }--[  ]--\r\nA:srl1# "
        return Fixture(
            name: "SR Linux, prompts that differ in the line before",
            platform: "nokia_srlinux",
            turns: [.prints("Welcome to the srlinux CLI.\r\n" + prompt)]
                + .setup("environment cli-engine type basic", prompt)
                + .setup("environment complete-on-space false", prompt)
                + .command("show version | grep Software", "Software Version : v23.10.1\r\n" + prompt)
                + .command(
                    "show foo",
                    "Parsing error: Unknown token 'foo'. Options are ['acl', 'version']\r\n" + prompt)
                + .mode("candidate", "enter candidate private", candidate)
                + .setup("discard stay", "All changes have been discarded. Starting new transaction.\r\n" + candidate)
                + .command("set / system name host-name srl2", changed)
                + .command(
                    "diff",
                    "      system {\r\n          name {\r\n+             host-name srl2\r\n          }\r\n      }\r\n"
                        + changed)
                + .mode(
                    "running", "discard now",
                    "All changes have been discarded. Leaving candidate mode.\r\n" + prompt),
            outputs: [
                "Software Version : v23.10.1\n",
                "Parsing error: Unknown token 'foo'. Options are ['acl', 'version']\n",
                "", "",
                "      system {\n          name {\n+             host-name srl2\n          }\n      }\n",
                "",
            ],
            failures: [
                nil, "Parsing error: Unknown token 'foo'. Options are ['acl', 'version']", nil, nil, nil,
                nil,
            ],
            lastPrompt: "A:srl1#",
            farewell: "quit\r"
        )
    }()

    static let sros: Fixture = {
        let prompt = "\r\n[/]\r\nA:admin@pe1# "
        let config = "\r\n(ex)[/]\r\nA:admin@pe1# "
        let changed = "\r\n*(ex)[/]\r\nA:admin@pe1# "
        return Fixture(
            name: "SR OS, MD-CLI",
            platform: "nokia_sros",
            turns: [.prints(" SR OS Software\r\n Copyright (c) Nokia 2023.\r\n" + prompt)]
                + .setup("environment more false", prompt)
                + .setup("environment console width 512", prompt)
                + .setup("environment command-completion space false", prompt)
                + .command(
                    "show uptime", "System Up Time         : 1 day, 02:03:04.05 (hr:min:sec)\r\n" + prompt)
                + .command(
                    "show foo", "     ^^^\r\nMINOR: MGMT_CORE #2201: Unknown element - 'foo'\r\n" + prompt)
                + .mode(
                    "configuration", "edit-config exclusive",
                    "INFO: CLI #2060: Entering exclusive configuration mode\r\nINFO: CLI #2061: Uncommitted changes are discarded on configuration mode exit\r\n"
                        + config)
                + .command("/configure system name pe2", changed)
                + [.enters("exec")]
                + .setup("exit all", changed)
                + .setup("discard", config)
                + .setup(
                    "quit-config", "INFO: CLI #2064: Exiting exclusive configuration mode\r\n" + prompt),
            outputs: [
                "System Up Time         : 1 day, 02:03:04.05 (hr:min:sec)\n\n",
                "     ^^^\nMINOR: MGMT_CORE #2201: Unknown element - 'foo'\n\n",
                "", "\n", "",
            ],
            failures: [nil, "MINOR: MGMT_CORE #2201: Unknown element - 'foo'", nil, nil, nil],
            lastPrompt: "A:admin@pe1#",
            farewell: "logout\r"
        )
    }()

    static let srosClassic = Fixture(
        name: "SR OS, classic",
        platform: "nokia_sros_classic",
        turns: [.prints("TiMOS-B-22.10.R1 cpm/hops64 Nokia 7750 SR\r\n\r\n*A:pe1# ")]
            + .setup("environment no more", "*A:pe1# ")
            + .command("show uptime", "System Up Time : 1 day, 02:03:04.05 (hr:min:sec)\r\n*A:pe1# ")
            + .command("show foo", "              ^\r\nError: Bad command.\r\n*A:pe1# ")
            + .mode("configuration", "configure", "*A:pe1>config# ")
            + .command("router", "*A:pe1>config>router# ")
            + .command("interface \"to p1\"", "*A:pe1>config>router>if# ")
            + .mode("exec", "exit all", "*A:pe1# "),
        outputs: [
            "System Up Time : 1 day, 02:03:04.05 (hr:min:sec)\n",
            "              ^\nError: Bad command.\n", "", "", "", "",
        ],
        failures: [nil, "Error: Bad command.", nil, nil, nil, nil],
        lastPrompt: "*A:pe1#",
        farewell: "logout\r"
    )

    static let vrp = Fixture(
        name: "VRP 5, expired password, a line like a prompt, save",
        platform: "huawei_vrp",
        turns: [
            .prints(
                "\r\nWarning: The initial password poses security risks.\r\nThe password needs to be changed. Change now? [Y/N]: "
            ), .typed("N\r"),
            .prints(
                "N\r\nInfo: The max number of VTY users is 10.\r\n      The current login time is 2023-03-01 10:00:00.\r\n<sw1>"
            ),
        ]
            // The first prompt after a question is confirmed.
            + .setup(
                "screen-length 0 temporary",
                "Info: The configuration takes effect on the current user terminal interface only.\r\n<sw1>"
            )
            + .command(
                "display current-configuration",
                "!Software Version V200R009C00SPC500\r\n#\r\nsysname sw1\r\n#\r\nreturn\r\n<sw1>")
            + .command(
                "display foo",
                "               ^\r\nError: Unrecognized command found at '^' position.\r\n<sw1>")
            + .mode(
                "configuration", "system-view", "Enter system view, return user view with Ctrl+Z.\r\n[sw1]")
            + .command("interface GigabitEthernet0/0/1", "[sw1-GigabitEthernet0/0/1]")
            + .mode("exec", "return", "<sw1>"),
        outputs: [
            "!Software Version V200R009C00SPC500\n#\nsysname sw1\n#\nreturn\n",
            "               ^\nError: Unrecognized command found at '^' position.\n", "", "", "",
        ],
        failures: [nil, "Error: Unrecognized command found at '^' position.", nil, nil, nil],
        lastPrompt: "<sw1>",
        farewell: "quit\r"
    )

    static let vrp8 = Fixture(
        name: "VRP 8, uncommitted changes, a firewall pair",
        platform: "huawei_vrpv8",
        turns: [.prints("\r\nInfo: The max number of VTY users is 21.\r\nHRP_M<fw1>")]
            + .setup("screen-length 0 temporary", "Info: The configuration takes effect.\r\nHRP_M<fw1>")
            + .command(
                "display clock", "2023-03-01 10:00:00\r\nWednesday\r\nTime Zone(UTC) : UTC\r\nHRP_M<fw1>")
            + .command(
                "display foo",
                "                 ^\r\nError: Unrecognized command found at '^' position.\r\nHRP_M<fw1>")
            + .mode(
                "configuration", "system-view",
                "Enter system view, return user view with return command.\r\nHRP_M[~fw1]")
            + .command("interface GE1/0/1", "HRP_M[~fw1-GE1/0/1]")
            + .command("description x", "HRP_M[*fw1-GE1/0/1]")
            + [
                .enters("exec"), .typed("return"), .prints("return"), .typed("\r"),
                .prints(
                    "\r\nWarning: Uncommitted configurations found. Are you sure to commit them before exiting? [Y(yes)/N(no)/C(cancel)]:"
                ), .typed("n\r"), .prints("n\r\nHRP_M<fw1>"),
            ],
        outputs: [
            "2023-03-01 10:00:00\nWednesday\nTime Zone(UTC) : UTC\n",
            "                 ^\nError: Unrecognized command found at '^' position.\n", "", "", "", "",
        ],
        failures: [nil, "Error: Unrecognized command found at '^' position.", nil, nil, nil, nil],
        lastPrompt: "HRP_M<fw1>",
        farewell: "quit\r"
    )

    static let comware = Fixture(
        name: "Comware, notice with a key, pager",
        platform: "hp_comware",
        turns: [
            .prints(
                "\r\n******************************\r\n* Copyright (c) 2004-2023 H3C *\r\n******************************\r\n\r\nPress Y or ENTER to continue, N to exit."
            ), .typed("\r"), .prints("\r\n<sw1>"),
        ]
            + .setup("screen-length disable", "<sw1>")
            + [
                .runs("display version"), .typed("display version"), .prints("display version"),
                .typed("\r"),
                .prints("\r\nH3C Comware Software, Version 7.1.070\r\n---- More ----"), .typed(" "),
                .prints("\u{1B}[16D                \u{1B}[16DUptime is 0 weeks\r\n<sw1>"),
            ]
            + .command(
                "display foo",
                "                 ^\r\n % Unrecognized command found at '^' position.\r\n<sw1>")
            + .mode(
                "configuration", "system-view", "System View: return to User View with Ctrl+Z.\r\n[sw1]")
            + .command("interface GigabitEthernet1/0/1", "[sw1-GigabitEthernet1/0/1]")
            + .mode("exec", "return", "<sw1>"),
        outputs: [
            "H3C Comware Software, Version 7.1.070\nUptime is 0 weeks\n",
            "                 ^\n % Unrecognized command found at '^' position.\n", "", "", "",
        ],
        failures: [nil, " % Unrecognized command found at '^' position.", nil, nil, nil],
        lastPrompt: "<sw1>",
        farewell: "quit\r"
    )

    static let aoscx = Fixture(
        name: "AOS-CX, an echo that is drawn again, enable",
        platform: "aruba_aoscx",
        turns: [
            .prints("\u{1B}[?7h\r\nLast login: 2023-03-01 10:00:00 from 192.0.2.9\r\ncx1> "),
            .typed("enable"),
            .prints("enable"), .typed("\r"), .prints("\r\nPassword:"), .secret(.enable),
            .prints("\r\ncx1# "),
        ]
            + .setup("no page", "cx1# ")
            + [
                .runs("show version"), .typed("show version"),
                .prints("show \u{8}\u{8}\u{8}\u{8}\u{8}\u{1B}[Kshow version"), .typed("\r"),
                .prints("\r\nArubaOS-CX\r\nVersion      : FL.10.10.1000\r\ncx1# "),
            ]
            + .command("show foo", "Invalid input: foo\r\ncx1# ")
            + .mode("configuration", "configure terminal", "cx1(config)# ")
            + .command("interface 1/1/1", "cx1(config-if)# ")
            + .mode("privileged_exec", "end", "cx1# "),
        outputs: ["ArubaOS-CX\nVersion      : FL.10.10.1000\n", "Invalid input: foo\n", "", "", ""],
        failures: [nil, "Invalid input: foo", nil, nil, nil],
        lastPrompt: "cx1#"
    )

    static let panos = Fixture(
        name: "PAN-OS, a pair, progress of a commit",
        platform: "paloalto_panos",
        turns: [
            .prints(
                "Last login: Wed Mar  1 10:00:00 2023 from 192.0.2.9\r\r\n\r\r\nNumber of failed attempts since last successful login: 0\r\r\n\r\r\nadmin@fw1(active)> "
            )
        ]
            + .setup("set cli scripting-mode on", "admin@fw1(active)> ")
            + .setup("set cli pager off", "admin@fw1(active)> ")
            + .setup("set cli terminal width 500", "admin@fw1(active)> ")
            + .command("show clock", "\r\nWed Mar  1 10:00:00 UTC 2023\r\n\r\nadmin@fw1(active)> ")
            + .command("show foo", "\r\nUnknown command: foo\r\nadmin@fw1(active)> ")
            + .mode(
                "configuration", "configure", "Entering configuration mode\r\n[edit]\r\nadmin@fw1(active)# "
            )
            + .command("set deviceconfig system hostname fw1", "\r\n[edit]\r\nadmin@fw1(active)# ")
            + .command(
                "commit",
                "\r\n\r\nCommit job 12 is in progress. Use Ctrl+C to return to command prompt\r\n......55%70%98%.....100%\r\nConfiguration committed successfully\r\n\r\n[edit]\r\nadmin@fw1(active)# "
            )
            + .mode("exec", "exit", "Exiting configuration mode\r\nadmin@fw1(active)> "),
        outputs: [
            "\nWed Mar  1 10:00:00 UTC 2023\n\n", "\nUnknown command: foo\n", "", "\n",
            "\n\nCommit job 12 is in progress. Use Ctrl+C to return to command prompt\n......55%70%98%.....100%\nConfiguration committed successfully\n\n",
            "",
        ],
        failures: [nil, "Unknown command: foo", nil, nil, nil, nil],
        lastPrompt: "admin@fw1(active)>"
    )

    static let fortios = Fixture(
        name: "FortiOS, notice with a key, pager that stays on",
        platform: "fortinet_fortios",
        turns: [
            .prints("\r\nAll activity is logged.\r\n\r\n(Press 'a' to accept):"), .typed("a"),
            .prints("\r\nFGT1 # "),
        ]
            + [
                .runs("get system status"), .typed("get system status"), .prints("get system status"),
                .typed("\r"),
                .prints("\r\nVersion: FortiGate-60F v7.2.4\r\n--More-- "), .typed(" "),
                .prints("\r         \rHostname: FGT1\r\n\r\nFGT1 # "),
            ]
            + .command(
                "show foo",
                "\r\ncommand parse error before 'foo'\r\nCommand fail. Return code -61\r\n\r\nFGT1 # ")
            + [.enters("exec")]
            + .command("config system interface", "\r\nFGT1 (interface) # ")
            + .command("edit port1", "\r\nFGT1 (port1) # ")
            + .command("abort", "\r\nFGT1 # "),
        outputs: [
            "Version: FortiGate-60F v7.2.4\nHostname: FGT1\n\n",
            "\ncommand parse error before 'foo'\nCommand fail. Return code -61\n\n", "", "\n", "\n", "\n",
        ],
        failures: [nil, "command parse error before 'foo'", nil, nil, nil, nil],
        lastPrompt: "FGT1 #"
    )

    static let vyos = Fixture(
        name: "VyOS, a shell with an edit line",
        platform: "vyos",
        turns: [
            .prints(
                "Welcome to VyOS!\r\n\r\nLast login: Wed Mar  1 10:00:00 2023 from 192.0.2.9\r\n\u{1B}[?2004h\u{1B}]0;vyos@r1: ~\u{7}vyos@r1:~$ "
            )
        ]
            + .setup("set terminal length 0", "\u{1B}[?2004l\r\u{1B}[?2004hvyos@r1:~$ ")
            + .setup("set terminal width 512", "\u{1B}[?2004l\r\u{1B}[?2004hvyos@r1:~$ ")
            + .setup("export VYATTA_PAGER=cat", "\u{1B}[?2004l\r\u{1B}[?2004hvyos@r1:~$ ")
            + .command(
                "show version", "\u{1B}[?2004l\rVersion:          VyOS 1.4\r\n\u{1B}[?2004hvyos@r1:~$ ")
            + .command(
                "show foo",
                "\u{1B}[?2004l\r\r\n  Invalid command: show [foo]\r\n\r\n\u{1B}[?2004hvyos@r1:~$ ")
            + .mode("configuration", "configure", "\u{1B}[?2004l\r[edit]\r\n\u{1B}[?2004hvyos@r1# ")
            + .command("set system host-name r1", "\u{1B}[?2004l\r[edit]\r\n\u{1B}[?2004hvyos@r1# ")
            + .command(
                "commit",
                "\u{1B}[?2004l\r[ system host-name r1 ]\r\nnot now\r\n\r\n[[system]] failed\r\nCommit failed\r\n[edit]\r\n\u{1B}[?2004hvyos@r1# "
            )
            + .mode("exec", "exit discard", "\u{1B}[?2004l\rexit\r\n\u{1B}[?2004hvyos@r1:~$ "),
        outputs: [
            "Version:          VyOS 1.4\n", "\n  Invalid command: show [foo]\n\n", "", "",
            "[ system host-name r1 ]\nnot now\n\n[[system]] failed\nCommit failed\n", "",
        ],
        failures: [nil, "  Invalid command: show [foo]", nil, nil, "[[system]] failed", nil],
        lastPrompt: "vyos@r1:~$"
    )

    static let frr = Fixture(
        name: "FRR, the host name changes at once",
        platform: "frr_vtysh",
        turns: [
            .prints(
                "\r\nHello, this is FRRouting (version 8.4.4).\r\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\r\n\r\nr1# "
            )
        ]
            + .command("show version", "FRRouting 8.4.4 (r1) on Linux(6.1.0).\r\nr1# ")
            + .command("show foo", "% Unknown command: show foo\r\nr1# ")
            + .mode("configuration", "configure terminal", "r1(config)# ")
            + .command("interface lo", "r1(config-if)# ")
            + .mode("privileged_exec", "end", "r1# "),
        outputs: [
            "FRRouting 8.4.4 (r1) on Linux(6.1.0).\n", "% Unknown command: show foo\n", "", "", "",
        ],
        failures: [nil, "% Unknown command: show foo", nil, nil, nil],
        lastPrompt: "r1#"
    )
}
