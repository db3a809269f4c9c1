import Foundation
import SSH
import Testing

@testable import Devices

@Suite("Inventories of other tools")
struct ForeignFormTests {
    @Test("Nornir's files: hosts inherit from groups in their own order, depth first, then from the defaults")
    func nornir() throws {
        let directory = try TemporaryDirectory([
            "hosts.yaml": """
            ---
            r1:
              hostname: 192.0.2.1
              groups: [berlin, routers]
              data: {tags: [edge], site: x}
            r2:
              hostname: 192.0.2.2
              port: 2222
              username: own
              platform: eos
              groups:
                - routers
            r3:
              hostname: r3.example
              groups: []
              data:
            """,
            "groups.yaml": """
            berlin:
              username: berlin
              data: {tags: [berlin]}
              groups: [europe]
            europe: {platform: junos, password: europe-secret}
            routers:
              platform: ios
              connection_options:
                netmiko:
                  platform: cisco_ios
                  port: 830
                  extras: {secret: opensesame, key_file: /keys/a, fast_cli: true}
                netconf: {port: 1}
            """,
            "defaults.yaml": "username: all\npassword: all-secret\nplatform: nxos_ssh\nport: 22\n",
        ])
        let inventory = try Inventory(path: directory.path)
        #expect(inventory.files.map(\.form) == [.nornir, .nornir, .nornir])
        #expect(inventory.files.map(\.devices) == [0, 0, 3])
        #expect(inventory.deviceNames == ["r1", "r2", "r3"])
        let first = try #require(inventory["r1"])
        // What connection_options say goes before what isn't said there, of whomever.
        #expect(first.platform == "cisco_iosxe" && first.port == 830 && first.tags == ["edge"])
        #expect(
            first.credential
                == Credential(
                    user: "berlin", password: Secret("europe-secret"), privateKey: .file("/keys/a"),
                    enableSecret: Secret("opensesame")))
        let second = try #require(inventory["r2"])
        #expect(second.platform == "cisco_iosxe" && second.port == 830 && second.credential.user == "own")
        let third = try #require(inventory["r3"])
        #expect(third.platform == "cisco_nxos" && third.credential == Credential())
        #expect(inventory.defaults.credential == Credential(user: "all", password: Secret("all-secret")))
        #expect(inventory.group("europe")?.members == ["r1"])
        #expect(inventory.group("routers")?.members == ["r1", "r2"])
        #expect(inventory.notes.map(\.message) == ["`fast_cli` of `connection_options` isn't taken"])
        let settings = try #require(
            inventory.effectiveSettings(of: "r1", environmentPrefix: "TETHER", environment: [:]))
        #expect(
            settings.first { $0.name == "user" }
                == EffectiveSetting(name: "user", value: "berlin", source: "\(directory.path)/groups.yaml:2"))
    }

    @Test("Containerlab's generated Nornir file: hosts alone, empty values, groups that are only named")
    func containerlabNornir() throws {
        let inventory = try Inventory(
            yaml: """
                ---
                leaf1:
                    username: admin
                    password: NokiaSrl1!
                    platform: nokia_srlinux
                    hostname: 172.20.20.2
                    groups:
                      - leafs
                host1:
                    username: 
                    password: 
                    platform: linux
                    hostname: 172.20.20.3
                """, file: "clab-demo/nornir-simple-inventory.yml")
        #expect(
            inventory.files == [InventoryFile(name: "clab-demo/nornir-simple-inventory.yml", form: .nornir, devices: 2)]
        )
        #expect(inventory["leaf1"]?.platform == "nokia_srlinux")
        #expect(inventory["leaf1"]?.credential == Credential(user: "admin", password: Secret("NokiaSrl1!")))
        #expect(inventory["host1"]?.credential == Credential() && inventory["host1"]?.host == "172.20.20.3")
        #expect(inventory.group("leafs")?.members == ["leaf1"])
    }

    @Test("Containerlab's generated Ansible file: kinds and labels are groups, the deepest variable counts")
    func containerlabAnsible() throws {
        let inventory = try Inventory(
            yaml: """
                all:
                  vars:
                    ansible_httpapi_use_proxy: false
                    ansible_user: everybody
                  children:
                    nokia_srlinux:
                      vars:
                        ansible_network_os: nokia.srlinux.srlinux
                        ansible_connection: ansible.netcommon.httpapi
                        ansible_user: admin
                        ansible_password: NokiaSrl1!
                      hosts:
                        clab-demo-leaf1:
                          ansible_host: 172.20.20.2
                        clab-demo-leaf2:
                          ansible_host: 172.20.20.3
                          ansible_user: own
                    linux:
                      hosts:
                        clab-demo-host1:
                    spine:
                      hosts:
                        clab-demo-leaf2:
                          ansible_host: 172.20.20.3
                """, file: "ansible-inventory.yml")
        #expect(inventory.files.map(\.form) == [.ansible])
        #expect(inventory.deviceNames == ["clab-demo-leaf1", "clab-demo-leaf2", "clab-demo-host1"])
        let leaf = try #require(inventory["clab-demo-leaf2"])
        #expect(leaf.platform == "nokia_srlinux" && leaf.host == "172.20.20.3")
        #expect(leaf.credential == Credential(user: "own", password: Secret("NokiaSrl1!")))
        #expect(inventory["clab-demo-leaf1"]?.credential.user == "admin")
        let host = try #require(inventory["clab-demo-host1"])
        #expect(host.platform == "linux" && host.host == "clab-demo-host1" && host.credential.user == "everybody")
        #expect(inventory.group("spine")?.members == ["clab-demo-leaf2"])
        #expect(
            inventory.notes.map(\.message) == [
                "clab-demo-host1: without `ansible_network_os` the device_type is taken from the group's name"
            ])
    }

    @Test(
        "platforms by the names of other tools",
        arguments: [
            ("ios", "cisco_iosxe"), ("eos", "arista_eos"), ("junos", "juniper_junos"), ("nxos_ssh", "cisco_nxos"),
            ("cisco_ios", "cisco_iosxe"), ("cisco_xr", "cisco_iosxr"), ("mikrotik_ros", "mikrotik_routeros"),
            ("nokia_srl", "nokia_srlinux"), ("arista-eos", "arista_eos"), ("Cisco IOS-XE", "cisco_iosxe"),
            ("nokia.srlinux.srlinux", "nokia_srlinux"), ("ceos", "arista_eos"), ("juniper_crpd", "juniper_junos"),
            ("something-new", "something_new"),
        ])
    func platforms(theirs: String, ours: String) { #expect(ForeignPlatform.platform(theirs) == ours) }

    @Test(
        "each mistake is told with its place",
        arguments: [
            ("r1:\n  platform: ios\n", "n.yml:1:1: r1: `hostname` is missing: give the host's name or address"),
            (
                "r1:\n  hostname: a\n  port: x\n",
                "n.yml:3:3: r1.port: must be a whole number from 1 to 65535, but is `x`"
            ),
            (
                "r1:\n  hostname: a\n",
                "n.yml:1:1: devices.r1: `device_type` is missing: give it here, in one of the device's groups, or in `defaults`"
            ),
            (
                "r1:\n  hostname: a\n  platform: ios\n  groups: core\n",
                "n.yml:4:3: r1.groups: must be a list (`[a, b]` or lines that begin with `-`), but is text"
            ),
            (
                "all:\n  hosts:\n    r1: {ansible_host: a, ansible_network_os: ios, ansible_password: '{{ vault }}'}\n",
                "n.yml:3:52: all.hosts.r1.ansible_password: is a template or encrypted, and only Ansible can read it: write the value, or give it by the environment"
            ),
            (
                "all:\n  hosts:\n    web[01:50]: {ansible_network_os: linux}\n",
                "n.yml:3:5: all.hosts.web[01:50]: ranges of hosts (`web[01:50]`) aren't taken: give each host"
            ),
            (
                "core:\n  hosts:\n    r1: {ansible_network_os: ios, ansible_port: 0}\n",
                "n.yml:3:35: core.hosts.r1.ansible_port: must be a whole number from 1 to 65535, but is 0"
            ),
            (
                "r1:\n  hostname: a\n  colour: red\n",
                "n.yml:1:1: r1: unknown key; known are `general`, `defaults`, `credentials`, `vault`, `auth_domains`, `sequences`, `devices`, `groups`, `sources`"
            ),
        ])
    func mistakes(yaml: String, expected: String) {
        let error = #expect(throws: InventoryError.self) { try Inventory(yaml: yaml, file: "n.yml") }
        #expect(error?.description == expected)
    }

    @Test("with a file of groups, a group that isn't in it is a mistake, and groups that name each other are none")
    func nornirGroups() throws {
        let directory = try TemporaryDirectory([
            "hosts.yaml": "r1: {hostname: a, platform: ios, groups: [cor]}",
            "groups.yaml": "core: {groups: [edge]}\nedge: {groups: [core]}",
        ])
        let error = #expect(throws: InventoryError.self) { try Inventory(path: directory.path) }
        #expect(
            error?.description
                == "\(directory.path)/hosts.yaml:1:43: r1.groups[0]: there is no group `cor` in groups.yaml; did you mean `core`?"
        )
        try "r1: {hostname: a, platform: ios, groups: [core]}".write(
            toFile: "\(directory.path)/hosts.yaml", atomically: true, encoding: .utf8)
        #expect(try Inventory(path: directory.path).groups(of: "r1").map(\.name) == ["core", "edge"])
    }
}
