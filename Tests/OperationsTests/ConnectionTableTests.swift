import Testing

@testable import Operations

@Suite struct ConnectionTableTests {
    private let start = ContinuousClock.now

    private func time(_ seconds: Int) -> ContinuousClock.Instant { self.start + .seconds(seconds) }

    @Test("past the limit, the connection goes that has waited for a request for longest; those being answered stay")
    func eviction() {
        var table = ConnectionTable(limit: 3)
        let first = table.opened(self.time(0))
        let second = table.opened(self.time(1))
        let third = table.opened(self.time(2))
        #expect([first, second, third].allSatisfy { $0.victim == nil })
        table.asked(first.id)
        #expect(table.opened(self.time(3)).victim == second.id)
        table.answered(first.id, self.time(4))
        #expect(table.opened(self.time(5)).victim == third.id)
        #expect(table.count == 3)
    }

    @Test("when all are being answered, the new one goes; what has gone makes room")
    func full() {
        var table = ConnectionTable(limit: 1)
        let first = table.opened(self.time(0))
        table.asked(first.id)
        let second = table.opened(self.time(1))
        #expect(second.victim == second.id && table.count == 1)
        // Told late, of one that is gone already.
        table.asked(second.id)
        table.answered(second.id, self.time(2))
        #expect(table.count == 1)
        table.closed(first.id)
        #expect(table.opened(self.time(3)).victim == nil)
    }
}
