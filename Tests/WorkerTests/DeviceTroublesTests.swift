@testable import Devices
import Testing

@testable import Worker

@Suite("Devices that can't be logged in to")
struct DeviceTroublesTests {
    private let start = ContinuousClock.now

    private func report(_ device: String, _ code: String? = nil) -> LoginReport {
        LoginReport(
            device: device, waited: .zero, handshake: nil, elapsed: .seconds(1),
            error: code.map { DeviceError(code: $0, message: "\(device): \($0)") })
    }

    private func latest(
        _ troubles: DeviceTroubles, after seconds: Int = 0, isOurs: (String) -> Bool = { _ in true },
        isKnown: (String) -> Bool = { _ in true }
    ) -> [DeviceTroubles.Trouble] {
        troubles.latest(at: self.start + .seconds(seconds), isOurs: isOurs, isKnown: isKnown)
            .sorted { $0.device < $1.device }
    }

    @Test(
        "a device is in trouble from its first failed login to its first good one, and the last failure is the reason")
    func life() {
        let troubles = DeviceTroubles()
        troubles.note(self.report("a", "connect.timeout"), at: self.start)
        troubles.note(self.report("a", "connect.refused"), at: self.start + .seconds(10))
        troubles.note(self.report("b"), at: self.start)
        let trouble = self.latest(troubles, after: 15)
        #expect(trouble.map(\.device) == ["a"])
        #expect(trouble.first?.code == "connect.refused" && trouble.first?.failures == 2)
        #expect(trouble.first?.age == .seconds(15))
        #expect(trouble.first?.kind == "unreachable")
        troubles.note(self.report("a"), at: self.start + .seconds(20))
        #expect(self.latest(troubles, after: 21).isEmpty)
    }

    @Test("a login that was not tried tells nothing new, and one that was called off nothing at all")
    func untried() {
        let troubles = DeviceTroubles()
        troubles.note(self.report("a", "auth.failed"), at: self.start)
        troubles.note(self.report("a", "auth.locked"), at: self.start + .seconds(1))
        troubles.note(self.report("b", "auth.locked"), at: self.start)
        for code in ["cancelled", "session.closed", "client.closed"] {
            troubles.note(self.report("c", code), at: self.start)
        }
        let trouble = self.latest(troubles, after: 2)
        #expect(trouble.map(\.device) == ["a", "b"])
        #expect(trouble.map(\.code) == ["auth.failed", "auth.locked"] && trouble.map(\.failures) == [1, 1])
    }

    @Test("what another worker serves is its trouble; what nobody knows is forgotten in the end")
    func leaving() {
        let troubles = DeviceTroubles()
        for device in ["a", "b", "192.0.2.1:22"] {
            troubles.note(self.report(device, "connect.timeout"), at: self.start)
        }
        #expect(self.latest(troubles, after: 1, isOurs: { $0 != "b" }).map(\.device) == ["192.0.2.1:22", "a"])
        #expect(self.latest(troubles, after: 2).map(\.device) == ["192.0.2.1:22", "a"], "also when it comes back")
        #expect(self.latest(troubles, after: 7_200, isKnown: { $0 == "a" }).map(\.device) == ["a"])
    }

    @Test("there is an end to how many are kept")
    func bounded() {
        let troubles = DeviceTroubles()
        for number in 0..<DeviceTroubles.capacity + 10 { troubles.note(self.report("d\(number)", "connect.timeout")) }
        #expect(self.latest(troubles).count == DeviceTroubles.capacity)
    }
}
