import Kafka

/// By how many partitions of the task topic devices have their homes, here and in the rest of the fleet.
///
/// A device's home is the murmur2 partition of its name, so a topic that grows moves most devices to other partitions, and unlike in a rebalance nobody gives
/// them up: an owner that hasn't noticed yet may still have a session with a device whose new home is another's. So every owner says with its commits by how many
/// partitions its sessions go, and whoever has noticed begins with a device that moved only when nobody goes by the old number any more.
///
/// A value without I/O.
struct Homes: Sendable {
    /// What an owner says with its commits.
    struct Claim: Sendable, Hashable {
        /// It has no session any more with a device whose home among so many partitions is another owner's.
        var partitions: Int32
        /// It has heard the same from all others.
        var isAgreed: Bool
    }

    /// Partitions of the topic, as far as known. Never falls.
    private(set) var count: Int32?
    /// When a broker was last asked for it.
    private(set) var learnt: ContinuousClock.Instant?
    /// By so many this worker's own sessions go: none is open any more with a device that moved when the topic grew to it.
    private(set) var settled: Int32?
    /// Smaller numbers by which other owners may still go.
    private(set) var others: Set<Int32> = []
    /// The largest number that any owner has gone by.
    private var claimed: Int32 = 0
    /// Other owners know of more partitions: a broker is to be asked before devices of theirs are begun with.
    var isBehind: Bool { self.count.map { $0 < self.claimed } ?? true }
    /// Every owner is known to go by ``count``.
    private(set) var isAgreed = false

    var claim: Claim? {
        self.settled.map { Claim(partitions: $0, isAgreed: self.isAgreed && $0 == self.count) }
    }

    /// `nil` while the number of partitions is unknown.
    func home(of device: String) -> Int32? { self.count.map { Self.home(of: device, among: $0) } }

    /// Whether nobody else can have a session with a device that is at home here. False while the number of partitions is unknown.
    ///
    /// - Parameter isOurs: whether a partition is this worker's: then the session that was opened there is the one that is used here.
    func isFree(_ device: String, _ isOurs: (Int32) -> Bool) -> Bool {
        guard let home = self.home(of: device) else { return false }
        return self.others.allSatisfy { count in
            let before = Self.home(of: device, among: count)
            return before == home || isOurs(before)
        }
    }

    /// Whether the session with a device that was used from a partition goes with that one when it is given up. Not if the device's home is another one that
    /// stays: then it had only been there before the topic grew, or somebody had written its task to the wrong partition.
    func goes(_ device: String, with partition: Int32, stays: (Int32) -> Bool) -> Bool {
        guard let settled = self.settled else { return true }
        let home = Self.home(of: device, among: settled)
        return home == partition || !stays(home)
    }

    /// The topic has so many partitions, or more by now.
    mutating func learn(_ count: Int32, asked: ContinuousClock.Instant = .now) {
        self.learnt = max(self.learnt ?? asked, asked)
        guard count > self.count ?? 0 else { return }
        // The others will hear of it too, but may not have yet.
        if let old = self.count { self.others.insert(old) }
        self.count = count
        self.isAgreed = false
    }

    /// Who owns nothing has no sessions.
    mutating func settleWithoutSessions() { self.settled = self.count }

    mutating func settle(_ count: Int32) { self.settled = count }

    /// What the commit of a partition says that this worker takes over.
    mutating func inherit(_ claim: Claim) { self.claimed = max(self.claimed, claim.partitions) }

    /// What the commits of all other owners' partitions say. Who says nothing has never had a partition, or is of an older version.
    mutating func hear(_ claims: [Claim]) {
        for claim in claims { self.inherit(claim) }
        guard let count = self.count else { return }
        self.others = Set(claims.map(\.partitions).filter { $0 < count })
        self.isAgreed = self.others.isEmpty
    }

    /// Those who still go by another number had time enough.
    mutating func stopWaiting() {
        self.others = []
        self.claimed = self.count ?? 0
        self.isAgreed = self.count != nil
    }

    private static func home(of device: String, among count: Int32) -> Int32 {
        Murmur2.partition(of: Array(device.utf8), count: count)
    }
}
