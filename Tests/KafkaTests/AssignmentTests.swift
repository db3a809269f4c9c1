import Testing

@testable import Kafka

@Suite("Assignment")
struct AssignmentTests {
    private let a = TopicPartition("t", 0)
    private let b = TopicPartition("t", 1)

    @Test("records are admitted from the start of a partition to its release, and never twice in a row")
    func admission() {
        var assignment = Assignment()
        let result1 = assignment.admit(self.a, offset: 0)
        #expect(!result1)
        assignment.grant([self.a])
        let result2 = assignment.admit(self.a, offset: 0)
        #expect(!result2)
        let result3 = assignment.start([self.a])
        #expect(result3.isEmpty)
        let result4 = assignment.admit(self.a, offset: 5)
        #expect(result4)
        let result5 = assignment.admit(self.a, offset: 5)
        #expect(!result5)
        let result6 = assignment.admit(self.a, offset: 6)
        #expect(result6)
        // Gone back on purpose, to the very record that came last.
        assignment.move([self.a])
        let again = assignment.admit(self.a, offset: 6)
        #expect(again)
        // The log was cut off and begins anew: that is not the same record.
        let result7 = assignment.admit(self.a, offset: 0)
        #expect(result7)
        assignment.release([self.a])
        let result8 = assignment.admit(self.a, offset: 7)
        #expect(!result8)
        assignment.grant([self.a])
        _ = assignment.start([self.a])
        let result9 = assignment.admit(self.a, offset: 0)
        #expect(result9)
    }

    @Test("what was lost stays lost for its partitions, and is no longer ours to commit, but new grants are")
    func loss() {
        var assignment = Assignment()
        assignment.grant([self.a])
        assignment.markLost()
        assignment.grant([self.b])
        #expect(assignment.firstForeign([self.b], to: nil) == nil)
        #expect(assignment.firstForeign([self.b, self.a], to: nil) == self.a)
        let (drain, lost) = assignment.revoking([self.a, self.b, TopicPartition("t", 9)])
        #expect(drain == [self.b])
        #expect(lost == [self.a])
        assignment.release([self.a])
        assignment.grant([self.a])
        #expect(assignment.firstForeign([self.a], to: nil) == nil)
    }

    @Test("what was granted to a member is not owned by the one that comes back in its place")
    func identity() {
        var assignment = Assignment()
        #expect(assignment.isGranted(to: nil))
        assignment.join(as: "one")
        assignment.grant([self.a])
        #expect(assignment.isGranted(to: "one"))
        #expect(!assignment.isGranted(to: "") && !assignment.isGranted(to: nil))
        assignment.join(as: "one")
        #expect(assignment.lost.isEmpty)
        assignment.join(as: "two")
        assignment.grant([self.b])
        #expect(assignment.lost == [self.a])
        #expect(assignment.firstForeign([self.b], to: "two") == nil)
        #expect(assignment.firstForeign([self.a], to: "two") == self.a)
        assignment.release([self.a])
        assignment.grant([self.a])
        #expect(assignment.lost.isEmpty && assignment.isGranted(to: "two"))
        #expect(assignment.firstForeign([self.a], to: "three") == self.a)
    }

    @Test("a pause before the start takes effect at the start, unless it was lifted")
    func pauseBeforeStart() {
        var assignment = Assignment()
        assignment.grant([self.a, self.b])
        let result10 = assignment.setPaused(true, [self.a, self.b])
        #expect(result10.started.isEmpty)
        let result11 = assignment.setPaused(false, [self.b])
        #expect(result11.started.isEmpty)
        let result12 = assignment.start([self.a, self.b])
        #expect(result12 == [self.a])
        let result13 = assignment.setPaused(true, [self.b])
        #expect(result13.started == [self.b])
        let result14 = assignment.setPaused(true, [TopicPartition("x", 0)])
        #expect(result14.foreign == TopicPartition("x", 0))
    }
}

@Suite("Pending commits")
struct PendingCommitsTests {
    private func caller(_ partitions: [TopicPartition], at deadline: ContinuousClock.Instant = .now)
        -> PendingCommits.Caller
    {
        PendingCommits.Caller(partitions: partitions, deadline: deadline, completion: { _ in })
    }

    @Test("commits that wait go out together, the latest offset of a partition winning")
    func merging() throws {
        let a = TopicPartition("t", 0)
        let b = TopicPartition("t", 1)
        var pending = PendingCommits()
        let nothing = pending.takeBatch()
        #expect(nothing == nil)
        pending.submit([.init(a, offset: 1, metadata: "x")], self.caller([a]))
        pending.submit([.init(b, offset: 7), .init(a, offset: 2, metadata: "y")], self.caller([b, a]))
        let taken = pending.takeBatch()
        let batch = try #require(taken)
        #expect(batch.offsets == [.init(a, offset: 2, metadata: "y"), .init(b, offset: 7)])
        #expect(batch.callers.count == 2)
        let rest = pending.takeBatch()
        #expect(rest == nil)
    }

    @Test("a partition that isn't ours ends only the commits that name it")
    func refusal() throws {
        let a = TopicPartition("t", 0)
        let b = TopicPartition("t", 1)
        var pending = PendingCommits()
        pending.submit([.init(a, offset: 1)], self.caller([a]))
        pending.submit([.init(b, offset: 1)], self.caller([b]))
        let taken = pending.takeBatch()
        var batch = try #require(taken)
        let refused = batch.refuse([b: .notAssigned(b, "Committing")])
        #expect(refused.map(\.1.code) == ["kafka.illegal_generation"])
        #expect(batch.offsets == [.init(a, offset: 1)])
        #expect(batch.callers.count == 1)
    }

    @Test("a commit whose time is up stops waiting; its offset still goes out")
    func expiry() throws {
        let a = TopicPartition("t", 0)
        var pending = PendingCommits()
        let now = ContinuousClock.now
        pending.submit([.init(a, offset: 1)], self.caller([a], at: now))
        pending.submit([.init(a, offset: 2)], self.caller([a], at: now.advanced(by: .seconds(1))))
        let expired = pending.takeExpired(now)
        #expect(expired.count == 1)
        let taken = pending.takeBatch()
        let batch = try #require(taken)
        #expect(batch.offsets == [.init(a, offset: 2)])
        #expect(batch.callers.count == 1)
    }
}

extension PendingCommits.Batch: Equatable {
    public static func == (left: Self, right: Self) -> Bool {
        left.offsets == right.offsets && left.callers.count == right.callers.count
    }
}
