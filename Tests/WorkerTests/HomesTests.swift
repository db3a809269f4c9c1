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
    }

    @Test("who hears of more partitions than it knows asks a broker, unless none knows of them for too long")
    func behind() {
        var homes = self.homes(12)
        #expect(!homes.isBehind)
        homes.hear([self.says(12), self.says(14)])
        #expect(homes.isAgreed && homes.isBehind)
        homes.learn(14)
        #expect(!homes.isBehind)
        homes.inherit(self.says(16))
        #expect(homes.isBehind)
        homes.stopWaiting()
        #expect(!homes.isBehind && homes.isAgreed)
        #expect(Homes().isBehind)
    }

    @Test("a partition that is given up takes sessions along, but not of devices that are at home on one that stays")
    func going() throws {
        var homes = self.homes(8)
        let device = try #require(Self.devices.first { Self.home($0, 8) != Self.home($0, 10) })
        let (old, new) = (Self.home(device, 8), Self.home(device, 10))
        #expect(homes.goes(device, with: old) { _ in true }, "nothing is said of its sessions yet")
        homes.settle(8)
        #expect(homes.goes(device, with: old) { $0 != old })
        #expect(!homes.goes(device, with: new) { $0 == old })
        homes.learn(10)
        #expect(homes.goes(device, with: old) { $0 != old }, "the others still go by the old number")
        homes.settle(10)
        #expect(!homes.goes(device, with: old) { $0 == new })
        #expect(homes.goes(device, with: old) { $0 != new })
        #expect(homes.goes(device, with: new) { $0 == old })
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
