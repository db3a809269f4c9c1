/// What distinguishes the vendors that speak the command line Cisco IOS made common: data, no behaviour.
struct IndustryStandardDialect: Sendable {
    var version: @Sendable (DeviceState) -> [String]
    var interfaceNames: [String]
    /// Length at which the prompt cuts the host name in configuration mode.
    var hostnameLimit: Int
    /// What `terminal length` and `terminal width` answer.
    var terminalLengthAnswer: @Sendable (Int) -> String
    var terminalWidthAnswer: @Sendable (Int) -> String
    var invalidInput: @Sendable (_ caretColumn: Int, _ line: String) -> String
    var incomplete: String
    var ambiguous: @Sendable (String) -> String
    /// Refusal after a wrong password of `enable`.
    var badSecret: String
    var configuring: String
    var hasConfigurationSessions: Bool
    var terminal: TerminalStyle

    static let ciscoIOSXE = IndustryStandardDialect(
        version: { device in
            [
                "Cisco IOS XE Software, Version 17.09.04a",
                "Cisco IOS Software [Cupertino], Virtual XE Software (X86_64_LINUX_IOSD-UNIVERSALK9-M), Version 17.9.4a, RELEASE SOFTWARE (fc3)",
                "",
                "ROM: IOS-XE ROMMON",
                "\(device.hostname) uptime is \(device.uptimeMinutes) minutes",
                "System image file is \"bootflash:packages.conf\"",
                "",
                "cisco C8000V (VXE) processor (revision VXE) with 2028465K/3075K bytes of memory.",
                "4 Gigabit Ethernet interfaces",
                "",
                "Configuration register is 0x2102",
            ]
        },
        interfaceNames: ["GigabitEthernet1", "GigabitEthernet2", "GigabitEthernet3", "GigabitEthernet4", "Loopback0"],
        hostnameLimit: 20,
        terminalLengthAnswer: { _ in "" },
        terminalWidthAnswer: { _ in "" },
        invalidInput: { column, _ in
            String(repeating: " ", count: column) + "^\n% Invalid input detected at '^' marker.\n\n"
        },
        incomplete: "% Incomplete command.\n\n",
        ambiguous: { "% Ambiguous command:  \"\($0)\"\n" },
        badSecret: "% Bad secrets\n\n",
        configuring: "Enter configuration commands, one per line.  End with CNTL/Z.\n",
        hasConfigurationSessions: false,
        terminal: TerminalStyle()
    )

    static let aristaEOS = IndustryStandardDialect(
        version: { device in
            [
                "Arista vEOS-lab",
                "Hardware version: ",
                "Serial number: SN-\(device.hostname)",
                "Software image version: 4.30.1F",
                "Architecture: x86_64",
                "",
                "Uptime: \(device.uptimeMinutes) minutes",
                "Total memory: 3969320 kB",
                "Free memory: 2871196 kB",
            ]
        },
        interfaceNames: ["Ethernet1", "Ethernet2", "Ethernet3", "Ethernet4", "Management1"],
        hostnameLimit: 64,
        terminalLengthAnswer: { $0 == 0 ? "Pagination disabled.\n" : "Pagination set to \($0) lines.\n" },
        terminalWidthAnswer: { "Width set to \($0) columns.\n" },
        invalidInput: { _, _ in "% Invalid input\n" },
        incomplete: "% Incomplete command\n",
        ambiguous: { _ in "% Ambiguous command\n" },
        badSecret: "% Bad secret\n",
        configuring: "",
        hasConfigurationSessions: true,
        terminal: TerminalStyle(pager: "\u{1B}[7m --More-- \u{1B}[27m", pagerErase: "\r\u{1B}[K")
    )
}
