import Foundation
import SSH
import Testing

@testable import Devices

@Suite("Inventories from OpenSSH's configuration")
struct SSHConfigImportTests {
    private func imported(_ files: [String: String], deviceType: String = "cisco_iosxe") throws -> (
        SSHConfigImport, TemporaryDirectory
    ) {
        let directory = try TemporaryDirectory(files.mapValues { $0.replacing("FOLDER", with: "") })
        for (name, text) in files where text.contains("FOLDER") {
            try text.replacing("FOLDER", with: directory.path).write(
                toFile: "\(directory.path)/\(name)", atomically: true, encoding: .utf8)
        }
        return (try SSHConfigImport(path: "\(directory.path)/config", deviceType: deviceType), directory)
    }

    private func body(_ imported: SSHConfigImport) -> String {
        imported.yaml.split(separator: "\n").dropFirst().joined(separator: "\n")
    }

    @Test("the first value wins, patterns and defaults apply, jumps become jump hosts; what comes out is an inventory")
    func everything() throws {
        let (imported, _) = try self.imported([
            "config": """
            # Ours
            Include FOLDER/extra_*
            Host core-1 core-2
                HostName %h.example.net
                User netops
                Port=2222
                IdentityFile "~/.ssh/core key"
            Host core-*
                User late
                ProxyJump bastion
            Host inside !inside2 inside2
                HostName 10.0.0.1
                ProxyJump ops@198.51.100.1:2200,bastion
                StrictHostKeyChecking yes
                KexAlgorithms +diffie-hellman-group14-sha1
            host bastion
                hostname = 203.0.113.9
                ProxyJump none
                BindAddress 192.0.2.9
            Host *
                User everybody
                ServerAliveInterval 30
                IdentityFile ~/.ssh/id_ed25519
                ForwardAgent yes
            """,
            "extra_1": "Host v6\n  HostName 2001:db8::1\n  HostKeyAlgorithms ssh-ed25519\n",
        ])
        #expect(
            self.body(imported) == """
                defaults:
                  device_type: cisco_iosxe
                  user: everybody
                  private_key: "~/.ssh/id_ed25519"
                devices:
                  v6: {host: "2001:db8::1"}
                  core-1: {host: core-1.example.net, port: 2222, user: netops, private_key: "~/.ssh/core key", jump_hosts: [bastion]}
                  core-2: {host: core-2.example.net, port: 2222, user: netops, private_key: "~/.ssh/core key", jump_hosts: [bastion]}
                  inside: {host: 10.0.0.1, jump_hosts: ["ops@198.51.100.1:2200", bastion], legacy_algorithms: true, host_key_policy: strict}
                  inside2: {host: inside2}
                  bastion: {host: 203.0.113.9, jump_hosts: [], source_address: 192.0.2.9}
                """)
        #expect(imported.deviceCount == 6)
        #expect(
            imported.warnings.map(\.message) == [
                "`hostkeyalgorithms` isn't taken", "`serveraliveinterval` isn't taken",
            ])
        let inventory = try Inventory(yaml: imported.yaml)
        #expect(inventory.deviceCount == 6)
        let inside = try #require(inventory["inside"])
        #expect(try inventory.way(to: inside).get().map(\.name) == ["198.51.100.1:2200", "bastion"])
    }

    @Test("what can't be taken is told: Match, ProxyCommand, names that are none")
    func warnings() throws {
        let (imported, directory) = try self.imported([
            "config": """
            Host a a:b
                ProxyCommand nc %h %p
            Match host a exec "true"
                User nobody
                Port 1
            Match all
                User somebody
            Host c
                HostName bad..name
                Include nothing-here
            """
        ])
        #expect(
            self.body(imported) == """
                defaults:
                  device_type: cisco_iosxe
                  user: somebody
                devices:
                  a: {host: a}
                """)
        let path = "\(directory.path)/config"
        #expect(
            imported.warnings.map(\.description) == [
                "\(path):3: `Match host a exec true` isn't taken, nor what stands below it",
                "\(path):10: `Include nothing-here` names no file",
                "\(path):2: `ProxyCommand` isn't taken: `a` is to be reached directly or with `jump_hosts`",
                "\(path):1: `a:b` can't be a device's name: it must not contain `:`: it has a meaning in targets or paths",
                "\(path):8: `c`: its address `bad..name` is neither an IPv4 or IPv6 address nor a host name (letters, digits, `-`, `_` and `.`)",
            ])
    }

    @Test("a jump through a named host with another user takes the host's address")
    func jumpByName() throws {
        let (imported, _) = try self.imported([
            "config": """
            Host b
              HostName 203.0.113.9
              Port 2022
              User x
            Host one
              ProxyJump ops@b
            Host two
              ProxyJump ssh://ops@other.example:22
            Host three
              ProxyJump plain.example
            """
        ])
        #expect(
            self.body(imported).split(separator: "\n").suffix(3).map(String.init) == [
                "  one: {host: one, jump_hosts: [\"ops@203.0.113.9:2022\"]}",
                "  two: {host: two, jump_hosts: [\"ops@other.example:22\"]}",
                "  three: {host: three, jump_hosts: [\"plain.example:22\"]}",
            ])
        _ = try Inventory(yaml: imported.yaml)
    }

    @Test(
        "lines are taken apart as OpenSSH does",
        arguments: [
            ("Host a b", ["Host", "a", "b"]), ("  Port=22", ["Port", "22"]), ("Port = 22", ["Port", "22"]),
            ("User \"a b\" # why", ["User", "a b"]), ("# all", []), ("", []), ("X a=b", ["X", "a=b"]),
            ("X \"\"", ["X", ""]),
            ("X \"a", nil),
        ] as [(String, [String]?)])
    func lines(line: String, words: [String]?) { #expect(SSHConfigFile.words(Substring(line)) == words) }

    @Test("mistakes are told together, with their lines")
    func mistakes() throws {
        let error = #expect(throws: InventoryError.self) {
            try self.imported(["config": "Host a\nPort\nUser \"x\n"])
        }
        #expect(error?.all.map(\.line) == [2, 3])
        #expect(error?.all.map(\.message) == ["`Port` has no value", "a quote that is never closed"])
        #expect(throws: InventoryError.self) { try SSHConfigImport(path: "/nowhere/config", deviceType: "linux") }
    }
}
