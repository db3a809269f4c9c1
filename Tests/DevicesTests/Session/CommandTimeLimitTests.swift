import NIOCore
import Testing

@testable import Devices

/// Against a clock that only the test moves.
@Suite struct CommandTimeLimitTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("one timer serves many commands, and is put forward when one has less time")
    func oneTimer() {
        var limit = CommandTimeLimit()
        limit.start(.seconds(30), from: self.start)
        #expect(limit.timerToStart() == self.start + .seconds(30))
        limit.end()
        limit.start(.seconds(30), from: self.start + .seconds(10))
        #expect(limit.timerToStart() == nil)
        limit.end()
        limit.start(.seconds(5), from: self.start + .seconds(11))
        #expect(limit.timerToStart() == self.start + .seconds(16))
        #expect(limit.timerToStart() == nil)
        let over = limit.timerFired(now: self.start + .seconds(16))
        #expect(over == .seconds(5))
    }

    @Test("a timer that fires too early is started anew for the rest")
    func early() {
        var limit = CommandTimeLimit()
        limit.start(.seconds(30), from: self.start)
        _ = limit.timerToStart()
        limit.end()
        limit.start(.seconds(30), from: self.start + .seconds(20))
        _ = limit.timerToStart()
        let early = limit.timerFired(now: self.start + .seconds(30))
        #expect(early == nil)
        #expect(limit.timerToStart() == self.start + .seconds(50))
        let late = limit.timerFired(now: self.start + .seconds(51))
        #expect(late == .seconds(30))
    }

    @Test("without a running command no timer is wanted")
    func idle() {
        var limit = CommandTimeLimit()
        #expect(limit.timerToStart() == nil)
        limit.start(.seconds(1), from: self.start)
        _ = limit.timerToStart()
        limit.end()
        let fired = limit.timerFired(now: self.start + .seconds(1))
        #expect(fired == nil)
        #expect(limit.timerToStart() == nil)
    }
}
