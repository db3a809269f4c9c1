import Dialogue
import Logging
import SSH
import Testing

@testable import Devices

@Suite("What a session is opened with")
struct SessionFactoryTests {
    @Test("the inventory's word on how to connect reaches the connection")
    func connectionOptions() throws {
        let inventory = try Inventory(
            yaml: """
                defaults: {device_type: linux, user: u, password: p}
                devices:
                  plain: {host: a}
                  old: {host: b, legacy_algorithms: true, source_address: 192.0.2.3, silence_timeout: 2m}
                """)
        let factory = SessionFactory(
            library: try PlatformLibrary(), knownHosts: KnownHosts(text: ""),
            signOnTimeout: .seconds(1), interruptionTimeout: .seconds(1), maximumOutputBytes: 1,
            logger: Logger(label: "test"))
        let login = Credential(user: "u", password: Secret("p"))
        let plain = try factory.plan(for: try #require(inventory["plain"]), in: inventory, with: login).plan.connection
        #expect(plain.algorithms == .standard && plain.sourceAddress == nil && plain.timeouts == SSHTimeouts())
        let old = try factory.plan(for: try #require(inventory["old"]), in: inventory, with: login).plan.connection
        #expect(old.algorithms == .legacy && old.sourceAddress == "192.0.2.3")
        #expect(old.timeouts == SSHTimeouts(silence: .seconds(120)))
    }
}
