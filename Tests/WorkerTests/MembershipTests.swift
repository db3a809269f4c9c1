import Testing

@testable import Worker

@Suite("Membership by the clock")
struct MembershipTests {
    @Test(
        "a proof lasts half a session time-out for starting and nine tenths for sending, from when its request was made"
    )
    func ages() {
        var membership = Membership(sessionTimeout: .seconds(40))
        let start = ContinuousClock.now
        #expect(!membership.mayStart(start) && !membership.maySend(start) && membership.needsProof(start))
        membership.prove(sent: start)
        let table: [(age: Int, mayStart: Bool, maySend: Bool, needsProof: Bool)] = [
            (0, true, true, false), (4, true, true, false), (5, true, true, true), (19, true, true, true),
            (20, false, true, true), (35, false, true, true), (36, false, false, true), (4_000, false, false, true),
        ]
        for row in table {
            let now = start + .seconds(row.age)
            #expect(membership.mayStart(now) == row.mayStart, "\(row.age) s")
            #expect(membership.maySend(now) == row.maySend, "\(row.age) s")
            #expect(membership.needsProof(now) == row.needsProof, "\(row.age) s")
        }
        // An answer that comes late proves no more than its request.
        membership.prove(sent: start - .seconds(3))
        #expect(membership.mayStart(start + .seconds(19)))
        membership.prove(sent: start + .seconds(30))
        #expect(membership.mayStart(start + .seconds(49)))
    }
}
