import Lab
import Testing

@testable import Worker

@Suite struct PartitionLedgerTests {
    @Test("only the lowest unfinished offset is committed, and the map tells what is done beyond it")
    func outOfOrderCompletion() throws {
        var ledger = PartitionLedger(committed: 10, metadata: nil, logEnd: 10)
        for offset in Int64(10)...14 { expectAdmission(of: offset, by: &ledger, .run(mayHaveRun: false)) }
        ledger.finish(12)
        ledger.finish(13)
        var commit = try taken(&ledger)
        #expect(commit.offset == 10)
        #expect((0...4).map { commit.metadata.isDone($0) } == [false, false, true, true, false])
        ledger.finish(10)
        ledger.finish(11)
        commit = try taken(&ledger)
        #expect(commit.offset == 14)
        #expect(commit.metadata.markedIndices.isEmpty)
    }

    @Test("the next owner skips what is done, reports what was begun, and runs the rest")
    func takeover() throws {
        var first = PartitionLedger(committed: 0, metadata: nil, logEnd: 0)
        for offset in Int64(0)...4 { _ = first.admit(offset) }
        first.finish(1)
        first.begin(2)
        first.finish(3)
        let commit = try taken(&first)
        var second = PartitionLedger(
            committed: commit.offset, metadata: LedgerMetadata(commit.metadata.text), logEnd: 5)
        expectAdmission(of: 0, by: &second, .run(mayHaveRun: true))
        expectAdmission(of: 1, by: &second, .skip)
        expectAdmission(of: 2, by: &second, .begunBefore)
        expectAdmission(of: 3, by: &second, .skip)
        expectAdmission(of: 4, by: &second, .run(mayHaveRun: true))
        expectAdmission(of: 5, by: &second, .run(mayHaveRun: false))
        // This one commits, and dies before it has reported the change: it must not run with the third either.
        let next = try taken(&second)
        var third = PartitionLedger(committed: next.offset, metadata: LedgerMetadata(next.metadata.text), logEnd: 6)
        for offset in Int64(0)...1 { _ = third.admit(offset) }
        expectAdmission(of: 2, by: &third, .begunBefore)
        // Until the result is out.
        second.finish(2)
        let last = try taken(&second)
        var fourth = PartitionLedger(committed: last.offset, metadata: LedgerMetadata(last.metadata.text), logEnd: 6)
        for offset in Int64(0)...1 { _ = fourth.admit(offset) }
        expectAdmission(of: 2, by: &fourth, .skip)
    }

    @Test("after an orderly release nothing is suspected to have run")
    func orderlyRelease() throws {
        var first = PartitionLedger(committed: 0, metadata: nil, logEnd: 0)
        for offset in Int64(0)...1 { _ = first.admit(offset) }
        first.finish(1)
        let commit = try taken(&first, releasedInOrder: true)
        var second = PartitionLedger(
            committed: commit.offset, metadata: LedgerMetadata(commit.metadata.text), logEnd: 2)
        expectAdmission(of: 0, by: &second, .run(mayHaveRun: false))
        expectAdmission(of: 1, by: &second, .skip)
    }

    @Test("what a crashed owner may have run stays suspect through an orderly release by one that has not come to it")
    func suspicionStays() throws {
        var crashed = PartitionLedger(committed: 0, metadata: nil, logEnd: 0)
        _ = crashed.admit(0)
        _ = crashed.admit(1)
        let left = try taken(&crashed)
        var idle = PartitionLedger(committed: left.offset, metadata: LedgerMetadata(left.metadata.text), logEnd: 2)
        expectAdmission(of: 0, by: &idle, .run(mayHaveRun: true))
        let passedOn = try taken(&idle, releasedInOrder: true)
        var next = PartitionLedger(
            committed: passedOn.offset, metadata: LedgerMetadata(passedOn.metadata.text), logEnd: 2)
        expectAdmission(of: 0, by: &next, .run(mayHaveRun: true))
        expectAdmission(of: 1, by: &next, .run(mayHaveRun: true))
        // What it has run itself is beyond suspicion, and so is what came after the crash.
        next.finish(0)
        next.finish(1)
        expectAdmission(of: 2, by: &next, .run(mayHaveRun: false))
        let last = try taken(&next, releasedInOrder: true)
        #expect(last.metadata.wasReleasedInOrder)
    }

    @Test("offsets that never come, such as transaction markers, don't hold the commit back")
    func gaps() throws {
        var ledger = PartitionLedger(committed: nil, metadata: nil, logEnd: 0)
        expectAdmission(of: 3, by: &ledger, .run(mayHaveRun: false))
        expectAdmission(of: 7, by: &ledger, .run(mayHaveRun: false))
        ledger.finish(3)
        let middle = try taken(&ledger)
        #expect(middle.offset == 7)
        ledger.finish(7)
        let end = try taken(&ledger)
        #expect(end.offset == 8)
    }

    @Test("a change behind a hole in the log that is wider than the window is still noted as begun")
    func wideGap() throws {
        // Offsets of an aborted fan-out, or of records that retention has removed, never come.
        var ledger = PartitionLedger(committed: 5, metadata: nil, logEnd: 40_000)
        expectAdmission(of: 30_000, by: &ledger, .run(mayHaveRun: false))
        ledger.begin(30_000)
        let commit = try taken(&ledger)
        var next = PartitionLedger(
            committed: commit.offset, metadata: LedgerMetadata(commit.metadata.text), logEnd: 40_000)
        expectAdmission(of: 30_000, by: &next, .begunBefore)
    }

    @Test("what lies beyond the window of the lowest unfinished task waits until that one has ended")
    func beyondWindow() throws {
        let window = Int64(LedgerMetadata.maximumWindow)
        var ledger = PartitionLedger(committed: 5, metadata: nil, logEnd: 5)
        #expect(!ledger.isBeyondWindow(.max))
        expectAdmission(of: 5, by: &ledger, .run(mayHaveRun: false))
        #expect(ledger.isBeyondWindow(5 + window) && ledger.isBeyondWindow(.max))
        #expect(!ledger.isBeyondWindow(4 + window) && !ledger.isBeyondWindow(0))
        // The last one within it can still be told of.
        expectAdmission(of: 4 + window, by: &ledger, .run(mayHaveRun: false))
        ledger.begin(4 + window)
        let commit = try taken(&ledger)
        #expect(commit.offset == 5 && LedgerMetadata(commit.metadata.text)?.isBegun(Int(window) - 1) == true)
        ledger.finish(5)
        #expect(!ledger.isBeyondWindow(5 + window))
        ledger.finish(4 + window)
        #expect(!ledger.isBeyondWindow(.max))
    }

    @Test("a map isn't believed past the log's end: those offsets belong to new records")
    func truncatedTail() throws {
        var metadata = LedgerMetadata()
        metadata.markDone(1)
        metadata.markDone(3)
        var ledger = PartitionLedger(committed: 10, metadata: metadata, logEnd: 12)
        _ = ledger.admit(10)
        expectAdmission(of: 11, by: &ledger, .skip)
        expectAdmission(of: 12, by: &ledger, .run(mayHaveRun: false))
        expectAdmission(of: 13, by: &ledger, .run(mayHaveRun: false))
    }

    @Test("a committed offset past the log's end: what is left of the log was finished before")
    func commitPastTheEnd() {
        var ledger = PartitionLedger(committed: 100, metadata: nil, logEnd: 50)
        expectAdmission(of: 0, by: &ledger, .skip)
        expectAdmission(of: 49, by: &ledger, .skip)
        expectAdmission(of: 50, by: &ledger, .run(mayHaveRun: false))
    }

    @Test("marks that this owner has not come to yet survive its commits")
    func unseenInheritanceSurvives() throws {
        var metadata = LedgerMetadata()
        metadata.markDone(5)
        metadata.markBegun(6)
        var ledger = PartitionLedger(committed: 10, metadata: metadata, logEnd: 20)
        _ = ledger.admit(10)
        ledger.finish(10)
        let commit = try taken(&ledger)
        #expect(commit.offset == 11)
        #expect(commit.metadata.isDone(4))
        #expect(commit.metadata.isBegun(5))
        #expect(commit.metadata.markedIndices == [4, 5])
    }

    @Test("a change that did not begin after all is run by the next owner")
    func retract() throws {
        var ledger = PartitionLedger(committed: 0, metadata: nil, logEnd: 0)
        _ = ledger.admit(0)
        ledger.begin(0)
        let begun = try taken(&ledger)
        #expect(begun.metadata.isBegun(0))
        ledger.retract(0)
        #expect(ledger.isDirty)
        let retracted = try taken(&ledger)
        #expect(!retracted.metadata.isBegun(0))
    }

    @Test("a full window's metadata fits under the broker's limit, whatever is marked")
    func metadataFits() {
        var metadata = LedgerMetadata()
        for index in 0..<LedgerMetadata.maximumWindow {
            metadata.markDone(index)
            metadata.markBegun(index)
        }
        metadata.homes = Homes.Claim(partitions: .max, isAgreed: true)
        #expect(metadata.text.utf8.count <= 4_096)
        #expect(LedgerMetadata(metadata.text) == metadata)
    }

    @Test(
        "text that isn't a ledger's is refused",
        arguments: [
            "", "x", "t1c", "t1c:a:b", "t2c::", "{\"offset\":1}", "t1c:*:", "t1o:::", "t1o:::0", "t1o:::x", "t1o:::8:",
            "t1o:::a",
        ])
    func foreignMetadata(text: String) {
        #expect(LedgerMetadata(text) == nil)
    }

    /// Workers take tasks, begin changes, finish them, commit now and then, and die at any moment; the next one starts from the last commit.
    @Test("over random crashes no change runs twice and every task ends", arguments: 0..<200)
    func randomCrashes(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let count = Int64.random(in: 1...60, using: &random)
        let changes = Set((0..<count).filter { _ in Bool.random(using: &random) })
        var executions: [Int64: Int] = [:]
        var ended: Set<Int64> = []
        var committed: (offset: Int64?, text: String) = (nil, "")
        var lives = 0
        while ended.count < Int(count) {
            lives += 1
            // Commits can lag behind for ever only if every life ends at once: after some, let one live.
            let steps = lives > 50 ? Int.max : Int.random(in: 1...40, using: &random)
            var ledger = PartitionLedger(
                committed: committed.offset, metadata: LedgerMetadata(committed.text), logEnd: count)
            var next = committed.offset ?? 0
            var running: [Int64] = []
            func commit() {
                guard let taken = ledger.commit() else { return }
                committed = (taken.offset, taken.metadata.text)
            }
            for _ in 0..<steps {
                if next < count, Bool.random(using: &random) {
                    switch ledger.admit(next) {
                    case .skip: break
                    case .begunBefore:
                        ended.insert(next)
                        ledger.finish(next)
                    case .run: running.append(next)
                    }
                    next += 1
                } else if let index = running.indices.randomElement(using: &random) {
                    let offset = running.remove(at: index)
                    if changes.contains(offset) {
                        ledger.begin(offset)
                        commit()
                        // Dies between the note and the work, or between the work and the result: both happen.
                        if Int.random(in: 0..<8, using: &random) == 0 { break }
                    }
                    executions[offset, default: 0] += 1
                    if Int.random(in: 0..<8, using: &random) == 0 { break }
                    ended.insert(offset)
                    ledger.finish(offset)
                } else if next >= count && running.isEmpty {
                    break
                }
                if Int.random(in: 0..<4, using: &random) == 0 { commit() }
            }
            if lives > 50 { commit() }
            try #require(lives < 200, "seed \(seed): tasks don't end")
        }
        for change in changes {
            #expect(executions[change, default: 0] <= 1, "seed \(seed): change \(change) ran twice")
        }
    }
}

private func expectAdmission(
    of offset: Int64,
    by ledger: inout PartitionLedger,
    _ expected: PartitionLedger.Admission,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let admission = ledger.admit(offset)
    #expect(admission == expected, sourceLocation: sourceLocation)
}

private func taken(
    _ ledger: inout PartitionLedger,
    releasedInOrder: Bool = false
) throws -> (offset: Int64, metadata: LedgerMetadata) {
    let commit = ledger.commit(releasedInOrder: releasedInOrder)
    return try #require(commit)
}
