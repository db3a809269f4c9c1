import Testing

@testable import Operations

@Suite("Freed memory")
struct FreedMemoryTests {
    private static let megabyte = 1 << 20

    @Test("memory is given back after it has grown by more than a little, and not again for the same growth")
    func growth() {
        var schedule = FreedMemory.Schedule()
        let is1 = schedule.isDue(resident: 60 * Self.megabyte, processor: 0)
        #expect(is1)
        schedule.trimmed(resident: 55 * Self.megabyte)
        let is2 = schedule.isDue(resident: 70 * Self.megabyte, processor: 0)
        #expect(!is2)
        let is3 = schedule.isDue(resident: 72 * Self.megabyte, processor: 0)
        #expect(is3)
        schedule.trimmed(resident: 71 * Self.megabyte)
        let is4 = schedule.isDue(resident: 72 * Self.megabyte, processor: 0)
        #expect(!is4)
    }

    @Test("of a large process, an eighth is a little")
    func large() {
        var schedule = FreedMemory.Schedule()
        schedule.trimmed(resident: 800 * Self.megabyte)
        let is5 = schedule.isDue(resident: 890 * Self.megabyte, processor: 0)
        #expect(!is5)
        let is6 = schedule.isDue(resident: 910 * Self.megabyte, processor: 0)
        #expect(is6)
    }

    @Test("what was given back in the meantime counts as growth when it is needed again")
    func shrinking() {
        var schedule = FreedMemory.Schedule()
        schedule.trimmed(resident: 200 * Self.megabyte)
        let is7 = schedule.isDue(resident: 100 * Self.megabyte, processor: 0)
        #expect(!is7)
        let is8 = schedule.isDue(resident: 120 * Self.megabyte, processor: 0)
        #expect(is8)
    }

    @Test("nothing is given back in the middle of a burst, which needs it again")
    func burst() {
        var schedule = FreedMemory.Schedule()
        let is9 = schedule.isDue(resident: 100 * Self.megabyte, processor: 9)
        #expect(!is9)
        let is10 = schedule.isDue(resident: 100 * Self.megabyte, processor: 12)
        #expect(!is10)
        let is11 = schedule.isDue(resident: 100 * Self.megabyte, processor: 13)
        #expect(is11)
    }
}
