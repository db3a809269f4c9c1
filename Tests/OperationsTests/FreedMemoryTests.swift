import Testing

@testable import Operations

@Suite("Freed memory")
struct FreedMemoryTests {
    private static let megabyte = 1 << 20

    @Test("memory is given back after it has grown by more than a little, and not again for the same growth")
    func growth() {
        var schedule = FreedMemory.Schedule()
        #expect(schedule.isDue(resident: 60 * Self.megabyte, processor: 0))
        schedule.trimmed(resident: 55 * Self.megabyte)
        #expect(!schedule.isDue(resident: 70 * Self.megabyte, processor: 0))
        #expect(schedule.isDue(resident: 72 * Self.megabyte, processor: 0))
        schedule.trimmed(resident: 71 * Self.megabyte)
        #expect(!schedule.isDue(resident: 72 * Self.megabyte, processor: 0))
    }

    @Test("of a large process, an eighth is a little")
    func large() {
        var schedule = FreedMemory.Schedule()
        schedule.trimmed(resident: 800 * Self.megabyte)
        #expect(!schedule.isDue(resident: 890 * Self.megabyte, processor: 0))
        #expect(schedule.isDue(resident: 910 * Self.megabyte, processor: 0))
    }

    @Test("what was given back in the meantime counts as growth when it is needed again")
    func shrinking() {
        var schedule = FreedMemory.Schedule()
        schedule.trimmed(resident: 200 * Self.megabyte)
        #expect(!schedule.isDue(resident: 100 * Self.megabyte, processor: 0))
        #expect(schedule.isDue(resident: 120 * Self.megabyte, processor: 0))
    }

    @Test("nothing is given back in the middle of a burst, which needs it again")
    func burst() {
        var schedule = FreedMemory.Schedule()
        #expect(!schedule.isDue(resident: 100 * Self.megabyte, processor: 9))
        #expect(!schedule.isDue(resident: 100 * Self.megabyte, processor: 12))
        #expect(schedule.isDue(resident: 100 * Self.megabyte, processor: 13))
    }
}
