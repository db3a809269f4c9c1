import Kafka
import Testing

@testable import Worker

@Suite("Homes of devices")
struct HomesTests {
    private static let devices = (1...200).map { "dev-\($0)" }

    private static func home(_ device: String, _ count: Int32) -> Int32 {
        Murmur2.partition(of: Array(device.utf8), count: count)
    }

    private func says(_ count: Int32) -> Homes.Claim { Homes.Claim(partitions: count, isAgreed: false) }

    private func homes(_ counts: Int32...) -> Homes {
        var homes = Homes()
        for count in counts { homes.learn(count) }
        return homes
    }

    /// Devices that a worker without other partitions may begin with.
    private func free(_ homes: Homes) -> [String] { Self.devices.filter { homes.isFree($0) { _ in false } } }

    @Test("nothing may begin while the number of partitions is unknown")
    func unknown() {
        #expect(self.free(Homes()).isEmpty)
        #expect(Homes().home(of: "dev-1") == nil)
        #expect(self.free(self.homes(8)) == Self.devices)
    }

    @Test("when the topic grows, devices that moved wait until nobody goes by an old number any more; the others don't")
    func growth() {
        var homes = self.homes(8, 10)
        let staying = Self.devices.filter { Self.home($0, 8) == Self.home($0, 10) }
        #expect(!staying.isEmpty && staying.count < Self.devices.count / 2)
        #expect(self.free(homes) == staying)
        #expect(!homes.isAgreed)
        homes.hear([self.says(8), self.says(10)])
        #expect(self.free(homes) == staying)
        // Devices that move between old partitions too.
        #expect(Self.devices.contains { Self.home($0, 10) < 8 && !staying.contains($0) })
        homes.hear([self.says(10), self.says(10)])
        #expect(self.free(homes) == Self.devices)
        #expect(homes.isAgreed)
    }

    @Test("it may grow again before all have noticed")
    func twice() {
        var homes = self.homes(8, 10, 12)
        let staying = Self.devices.filter {
            Self.home($0, 8) == Self.home($0, 12) && Self.home($0, 10) == Self.home($0, 12)
        }
        #expect(self.free(homes) == staying)
        homes.hear([self.says(10), self.says(12)])
        #expect(self.free(homes) == Self.devices.filter { Self.home($0, 10) == Self.home($0, 12) })
        // Somebody knows more than we do.
        homes.hear([self.says(12), self.says(14)])
        #expect(homes.isAgreed)
    }

    @Test("a device that moves from one partition of this worker to another keeps its session")
    func ownMove() {
        let homes = self.homes(8, 16)
        let free = Self.devices.filter { homes.isFree($0) { (0..<4).contains($0) } }
        #expect(
            free == Self.devices.filter { (0..<4).contains(Self.home($0, 8)) || Self.home($0, 8) == Self.home($0, 16) })
    }

    @Test("a fleet that starts for the first time, or after an upgrade, waits for nobody")
    func nobody() {
        var homes = self.homes(8)
        homes.hear([])
        #expect(homes.isAgreed)
        homes.learn(10)
        homes.hear([])
        #expect(homes.isAgreed && self.free(homes) == Self.devices)
    }

    @Test("a worker says by how many partitions its sessions go, and whether all agree")
    func claims() {
        var homes = self.homes(8)
        #expect(homes.claim == nil)
        homes.settleWithoutSessions()
        #expect(homes.claim == self.says(8))
        homes.hear([self.says(8)])
        #expect(homes.claim == Homes.Claim(partitions: 8, isAgreed: true))
        homes.learn(10)
        #expect(homes.claim == self.says(8))
        // The others were quicker.
        homes.hear([self.says(10)])
        #expect(homes.claim == self.says(8))
        homes.settle(10)
        #expect(homes.claim == Homes.Claim(partitions: 10, isAgreed: true))
    }

    @Test("waiting ends, and a smaller number than known is news to nobody")
    func end() {
        var homes = self.homes(8, 10)
        homes.learn(8)
        #expect(homes.count == 10)
        homes.hear([self.says(8)])
        homes.stopWaiting()
        #expect(homes.isAgreed && self.free(homes) == Self.devices)
    }
}
