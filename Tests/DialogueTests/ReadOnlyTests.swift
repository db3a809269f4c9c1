import Dialogue
import Testing

@Suite("Read-only commands")
struct ReadOnlyTests {
    static let reads: [(platform: String, commands: [String])] = [
        (
            "cisco_iosxe",
            [
                "show version", "  show ip interface brief ", "sh ver", "sho run", "SHOW CLOCK", "do show clock",
                "show running-config | include up|down", "show run | s interface", "show ip bgp | i > 10",
                "show interfaces | include up|administratively", "dir flash:", "more flash:startup",
                "ping 10.0.0.1 repeat 3",
                "traceroute 192.0.2.1 source Loopback0", "show log | begin Mar",
            ]
        ),
        (
            "arista_eos",
            [
                "show version", "sh ip route vrf X | json", "show run | section bgp | include neighbor",
                "show ip bgp | no-more",
            ]
        ),
        (
            "juniper_junos",
            [
                "show version", "show configuration | display set | match \"a|b\" | no-more", "show", "sh int terse",
                "show log messages | last 20", "file list /var/tmp", "ping 10.0.0.1 count 5", "show | compare",
                "show route | except \"x | save y\"",
            ]
        ),
        (
            "mikrotik_routeros",
            [
                "/ip address print", "ip address print detail where interface=ether1", "/ip/address/print",
                "/system resource print", "print", "/interface print stats without-paging", "/export",
                "/export terse hide-sensitive",
                "/ping 10.0.0.1 count=3", "/log print where topics~\"error\"",
                "/interface ethernet monitor ether1 once",
            ]
        ),
        (
            "linux",
            [
                "uname -a", "cat /etc/os-release", "ip -br addr", "ip route show table main", "ls -la '/tmp/a b'",
                "df -h",
                "systemctl status ssh.service", "grep -r foo /etc", "hostname", "ping -c 3 10.0.0.1",
                "tail -n 5 /var/log/syslog",
            ]
        ),
        ("generic", ["show version", "display interface brief"]),
        (
            "cisco_iosxr",
            [
                "show version", "sh run | include bgp", "show bgp summary | exclude Idle", "do show clock",
                "dir harddisk:",
            ]
        ),
        (
            "cisco_nxos",
            ["show version", "show ip route | json", "show run | grep vlan | count", "dir bootflash:"]
        ),
        (
            "nokia_srlinux",
            [
                "show version", "show interface | as json", "info from state / interface ethernet-1/1",
                "diff",
                "info / system | grep name",
            ]
        ),
        (
            "nokia_sros",
            [
                "show uptime", "/show router bgp summary | match Active", "info", "compare",
                "/admin show configuration",
            ]
        ),
        ("nokia_sros_classic", ["show version", "admin display-config | match bgp", "info detail"]),
        (
            "huawei_vrp",
            [
                "display version", "dis cur | include bgp", "disp ip routing-table", "dir",
                "ping 192.0.2.1", "display this",
            ]
        ),
        ("huawei_vrpv8", ["display configuration candidate", "display version | no-more"]),
        (
            "hp_comware",
            ["display version", "display current-configuration | begin vlan", "tracert 192.0.2.1"]
        ),
        ("aruba_aoscx", ["show version", "show running-config | include vlan | count"]),
        (
            "paloalto_panos",
            [
                "show system info", "show interface all | match ethernet", "ping count 3 host 192.0.2.1",
                "show",
            ]
        ),
        (
            "fortinet_fortios",
            [
                "get system status", "show full-configuration | grep -f port1", "execute ping 192.0.2.1",
                "diagnose sys ha status",
            ]
        ),
        (
            "vyos",
            ["show version", "run show ip route", "show configuration commands | match bgp", "compare"]
        ),
        ("frr_vtysh", ["show ip bgp summary", "do show version", "show running-config | include bgp"]),
    ]

    static let changes: [(platform: String, commands: [String])] = [
        (
            "cisco_iosxe",
            [
                "", "show", "sh", "configure terminal", "reload", "write memory", "clear counters",
                "show run | redirect flash:x",
                "show run | red flash:x", "show run |tee flash:x", "show run | append flash:x",
                "show run | include a | redirect flash:x",
                "show run | a flash:x", "show ver\nreload", "show ver\rreload", "show ver\tx", "show ver; reload",
                "showx version",
                "ping", "noshow version", "show clock | foo", "copy run start", "debug all", "terminal length 0",
                "show\u{0}ver",
                "show ver\u{8}\u{8}", "show vérsion",
            ]
        ),
        (
            "arista_eos",
            [
                "show run > flash:x", "show run >> flash:x", "show run | tee flash:x", "show run | redirect flash:x",
                "show run | awk x",
                "show run | bash", "show run | include $(reload)", "show run | include `x`", "configure",
                "show run | json | sh",
                "show run | includes", "bash rm x",
            ]
        ),
        (
            "juniper_junos",
            [
                "show configuration | save x", "show version | tee x", "show version | append x",
                "show version | match a | save b",
                "request system reboot", "set cli screen-length 0", "ping 10.0.0.1", "commit",
                "show log x | request message all",
                "file delete x", "show x | match \"a | save b", "show interfaces | refresh 1",
            ]
        ),
        (
            "mikrotik_routeros",
            [
                "/system reboot", "/ip address add address=1.1.1.1/24", "/ip address print file=x", "/export file=x",
                "/export compact file=x", "/file remove print", "/user remove print", "/system script run print",
                "/import print",
                "/ip address print; /system reboot", "/ip address print where [/system reboot]",
                ":put [/system reboot]",
                "/ip address print interval=1", "/log print follow", "/ip address remove 0",
                "/interface remove monitor once",
                "/ip address print where a=1 f=x", "{/ip address print}", "/tool fetch print",
            ]
        ),
        (
            "linux",
            [
                "cat /etc/passwd > x", "cat a | sh", "ls && reboot", "ls; reboot", "cat $(reboot)", "echo `reboot`",
                "hostname new",
                "ip addr add 10.0.0.1/24 dev eth0", "ip -b a", "ip -batch a", "ip link set eth0 down",
                "systemctl restart ssh",
                "date -s 1", "rm x", "find / -delete", "FOO=1 ls", "tail -f /var/log/syslog", "dmesg -c",
                "ping 10.0.0.1", "reboot",
                "sudo ls", "ls\nreboot", "sort -o x y",
            ]
        ),
        ("generic", ["show run | save x", "show run > x", "reload", "set x", "show x; reload"]),
        (
            "cisco_iosxr",
            [
                "show run | file disk0:x", "show run | utility tee x", "commit", "configure",
                "show run > x", "admin",
                "show run | include a | file x", "reload",
            ]
        ),
        (
            "cisco_nxos",
            [
                "show run > bootflash:x", "show run | tee x", "show run | sed s/a/b/w", "show run | vsh",
                "reload", "no shutdown",
            ]
        ),
        (
            "nokia_srlinux",
            [
                "show version > /tmp/x", "show version | tee x", "commit now", "enter candidate",
                "set / system", "tools x", "bash ls",
            ]
        ),
        (
            "nokia_sros",
            [
                "show uptime > cf3:x", "commit", "/configure system name x", "admin save",
                "tools perform x", "edit-config private",
            ]
        ),
        (
            "nokia_sros_classic",
            ["admin save", "admin reboot", "configure router", "show x > y", "file delete x"]
        ),
        (
            "huawei_vrp",
            [
                "display version > x", "display version >> x", "save", "system-view", "reset counters",
                "display x | redirect y", "reboot", "undo x",
            ]
        ),
        (
            "hp_comware",
            ["display version > x", "save force", "system-view", "reboot", "display x | save y"]
        ),
        (
            "aruba_aoscx",
            [
                "show run | redirect x", "show run > x", "configure", "write memory",
                "erase startup-config", "boot system",
            ]
        ),
        (
            "paloalto_panos",
            [
                "request restart system", "commit", "ping host 192.0.2.1", "set cli pager off", "delete x",
                "show x > y",
            ]
        ),
        (
            "fortinet_fortios",
            [
                "config system global", "execute reboot", "execute backup config x",
                "diagnose debug enable", "get x | tee y",
            ]
        ),
        (
            "vyos",
            [
                "show version > x", "show version | tee x", "show version && reboot", "show $(reboot)",
                "set x", "commit", "reboot", "run reboot",
            ]
        ),
        (
            "frr_vtysh",
            ["show run | tee x", "configure", "write", "clear bgp *", "ping 192.0.2.1", "do write"]
        ),
    ]

    @Test("a command that changes nothing is read-only", arguments: Self.reads)
    func reading(_ name: String, _ commands: [String]) throws {
        let platform = try platform(name)
        for command in commands { #expect(platform.isReadOnly(command), "\(command)") }
    }

    @Test("a command that may change something isn't", arguments: Self.changes)
    func changing(_ name: String, _ commands: [String]) throws {
        let platform = try platform(name)
        for command in commands { #expect(!platform.isReadOnly(command), "\(command.debugDescription)") }
    }

    @Test("without a list nothing is read-only")
    func noList() throws {
        let platform = try PlatformDefinition(yaml: "name: x\nprompt_pattern: '^x#'")
        #expect(!platform.isReadOnly("show version"))
    }

    @Test("what takes too long to judge is not read-only")
    func abandoned() throws {
        let yaml = "name: x\nprompt_pattern: '^x#'\nread_only_patterns: ['show .*']\nread_only_excludes: ['(a+)+[!?]']"
        let platform = try PlatformDefinition(yaml: yaml)
        #expect(platform.isReadOnly("show b"))
        #expect(!platform.isReadOnly("show " + String(repeating: "a", count: 60)))
    }
}
