/// Which configuration lines the simulated devices know. Others are refused, so that tests see a rejected line.
enum ConfigurationVocabulary {
    private static let sections: [(prefix: String, mode: String)] = [
        ("interface ", "if"), ("router ", "router"), ("line ", "line"), ("vlan ", "vlan"),
        ("ip access-list ", "ext-nacl"), ("class-map ", "cmap"), ("policy-map ", "pmap"), ("vrf definition ", "vrf"),
    ]

    private static let sectionWords: Set<Substring> = [
        "no", "description", "ip", "ipv6", "shutdown", "switchport", "mtu", "speed", "duplex", "network", "neighbor",
        "transport", "login", "exec-timeout", "name", "permit", "deny", "remark", "bandwidth", "channel-group",
        "spanning-tree",
        "router-id", "match", "class", "rd", "redistribute", "passive-interface",
    ]

    private static let globalWords: Set<Substring> = [
        "no", "hostname", "ip", "ipv6", "snmp-server", "ntp", "logging", "banner", "username", "aaa", "enable",
        "service",
        "clock", "spanning-tree", "access-list", "crypto", "tacacs-server", "radius-server", "archive", "alias", "cdp",
        "lldp",
        "management", "daemon",
    ]

    static func opensSection(_ line: String) -> Bool { sections.contains { line.hasPrefix($0.prefix) } }

    /// The part of the prompt after `config-`.
    static func modeName(_ section: String) -> String {
        sections.first { section.hasPrefix($0.prefix) }?.mode ?? "sub"
    }

    static func isSectionLine(_ line: String) -> Bool { known(line, sectionWords) }
    static func isGlobalLine(_ line: String) -> Bool { known(line, globalWords) }

    private static func known(_ line: String, _ words: Set<Substring>) -> Bool {
        let parts = line.split(separator: " ")
        guard let first = parts.first, words.contains(first) else { return false }
        // A word alone is complete only where the vendors accept it so.
        return parts.count > 1 || first == "shutdown" || first == "switchport"
    }
}

/// Interface listings.
enum InterfaceText {
    static func long(_ names: [String]) -> [String] {
        names.enumerated().flatMap { index, name in
            [
                "\(name) is up, line protocol is up ",
                "  Hardware is CSR vNIC, address is 0050.56ad.\(hexadecimal(0x1000 + index)) (bia 0050.56ad.\(hexadecimal(0x1000 + index)))",
                "  Internet address is 192.0.2.\(index + 1)/24",
                "  MTU 1500 bytes, BW 1000000 Kbit/sec, DLY 10 usec, ",
                "     reliability 255/255, txload 1/255, rxload 1/255",
                "  Encapsulation ARPA, loopback not set",
                "  5 minute input rate 1000 bits/sec, 2 packets/sec",
                "  5 minute output rate 2000 bits/sec, 3 packets/sec",
                "     \(1_000 * (index + 1)) packets input, \(64_000 * (index + 1)) bytes, 0 no buffer",
                "     0 input errors, 0 CRC, 0 frame, 0 overrun, 0 ignored",
                "     \(2_000 * (index + 1)) packets output, \(128_000 * (index + 1)) bytes, 0 underruns",
            ]
        }
    }

    static func status(_ names: [String]) -> [String] {
        ["Port       Name               Status       Vlan       Duplex Speed Type"]
            + names.map { $0 + "                     connected    1          full   1G    10/100/1000BaseTX" }
    }

    private static func hexadecimal(_ value: Int) -> String { String(value, radix: 16) }
}
