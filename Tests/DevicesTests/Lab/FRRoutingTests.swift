import Foundation
import TestSupport
import Testing

@testable import Devices

@Suite("FRRouting's vtysh behind OpenSSH", .enabled(if: FRRouter.isAvailable, "needs root and the package frr"))
struct FRRoutingTests {
    private func withRouter(_ body: (DeviceClient) async throws -> Void) async throws {
        let router = try await FRRouter.start()
        defer { router.stop() }
        let server = try await OpenSSHServer.start(.init(forcedCommand: router.shell))
        defer { server.stop() }
        let device = Device(
            name: "frr1", host: server.host, port: server.port, platform: "frr_vtysh",
            credential: Credential(user: server.username, privateKey: .file(server.clientKeyPath)))
        try await DeviceClient.withClient(.init(inventory: try Inventory(devices: [device])), body)
    }

    @Test("shows, refusals, configuration, a new host name, backup and comparison, over one session")
    func everything() async throws {
        try await self.withRouter { client async throws in
            let version = try await client.run("frr1", "show version")
            #expect(version.failure == nil && version.text.hasPrefix("FRRouting "), "\(version.text)")
            let refused = try await client.run("frr1", "shwo version")
            #expect(refused.failure?.hasPrefix("% Unknown command") == true)

            let before = try await client.backup("frr1")
            #expect(before.text.contains("Current configuration:") && before.text.hasSuffix("end\n"))
            let change = try await client.configure(
                "frr1",
                ConfigurationChange([
                    "ip prefix-list TETHER seq 5 permit 192.0.2.0/24", "hostname moonbase",
                    "ip prefix-list TETHER seq 10 deny any",
                ]))
            #expect(change.state == .applied && change.succeeded, "\(change)")
            let diff = try await client.diff("frr1", against: .backup(before))
            #expect(diff.added >= 3 && diff.unified.contains("+ip prefix-list TETHER seq 10 deny any"), "\(diff)")
            #expect(diff.unified.contains("+hostname moonbase"))

            let partly = try await client.configure(
                "frr1",
                ConfigurationChange(["ip prefix-list OTHER seq 5 permit any", "ip prefx-list OTHER", "hostname x"]))
            #expect(partly.state == .partlyApplied && partly.lines.count == 2, "\(partly)")
            let check = try await client.check(
                "frr1",
                [
                    OutputAssertion("show ip prefix-list", .contains("OTHER")),
                    OutputAssertion("show running-config", .matches("^hostname moonbase$")),
                ])
            #expect(check.passed, "\(check.failures)")
            #expect(client.openSessionCount == 1)
        }
    }

    @Test("a pager that somebody turned on is answered, and its traces are removed")
    func paging() async throws {
        try await self.withRouter { client async throws in
            let lines = (1...60).map { "ip prefix-list LONG seq \($0) permit 198.51.100.\($0)/32" }
            #expect(try await client.configure("frr1", ConfigurationChange(lines)).state == .applied)
            let plain = try await client.run("frr1", "show running-config")
            #expect(plain.text.contains("seq 60 permit"))
            let paged = try await client.runSequence("frr1", ["terminal paginate", "show running-config"])
            #expect(paged.succeeded && paged.results.last?.text.contains("seq 60 permit") == true, "\(paged)")
            #expect(try await client.run("frr1", "show version").text.hasPrefix("FRRouting "))
        }
    }
}
