import NIOCore
import Testing

@testable import Devices

@Suite("The gate of logins")
struct LoginGateTests {
    @Test("what is left of a pause is told in whole seconds, rounded up, however long it is")
    func seconds() {
        let rest =
            [(0, 0), (1, 1), (1_000_000_000, 1), (1_000_000_001, 2), (Int64.max, 9_223_372_037)] as [(Int64, Int64)]
        for (nanoseconds, seconds) in rest { #expect(LoginGate.seconds(.nanoseconds(nanoseconds)) == seconds) }
    }
}
