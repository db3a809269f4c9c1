import NIOCore
import Testing

@testable import Devices

@Suite("When an idle session is kept alive")
struct KeepaliveScheduleTests {
    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    @Test("the device is asked after the interval, and again after the next")
    func idle() {
        var schedule = KeepaliveSchedule(.seconds(60), from: self.at(100))
        #expect(schedule.deadline == self.at(160))
        let isDue = schedule.timerFired(now: self.at(160), isIdle: true)
        #expect(isDue && schedule.deadline == self.at(220))
    }

    @Test("a command puts it off, without another timer")
    func used() {
        var schedule = KeepaliveSchedule(.seconds(60), from: self.at(100))
        schedule.used(at: self.at(150))
        let isDue = schedule.timerFired(now: self.at(160), isIdle: true)
        #expect(!isDue && schedule.deadline == self.at(210))
        let isDueLater = schedule.timerFired(now: self.at(210), isIdle: true)
        #expect(isDueLater)
    }

    @Test("a busy session is left alone, and the interval begins when its work ends")
    func busy() {
        var schedule = KeepaliveSchedule(.seconds(60), from: self.at(100))
        let isDue = schedule.timerFired(now: self.at(160), isIdle: false)
        #expect(!isDue && schedule.deadline == self.at(220))
        schedule.used(at: self.at(200))
        let isDueStill = schedule.timerFired(now: self.at(220), isIdle: true)
        #expect(!isDueStill && schedule.deadline == self.at(260))
    }
}
