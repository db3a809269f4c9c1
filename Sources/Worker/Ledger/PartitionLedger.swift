import DequeModule

/// What one partition of the task topic still owes: which tasks are waiting, begun or done, and so which offset may be committed.
///
/// A value without I/O or clock. Tasks finish out of order; the committed offset is the lowest unfinished one, and the commit's metadata says
/// which later ones are done already and which changes have been begun, so that a new owner repeats nothing that must not be repeated.
struct PartitionLedger: Sendable {
    /// What to do with a record that was just consumed.
    enum Admission: Sendable, Hashable {
        /// Finished by an earlier owner (or a repeated delivery of what is here already): leave it.
        case skip
        /// To be run. `mayHaveRun`: an earlier owner that died may have published a result for it.
        case run(mayHaveRun: Bool)
        /// An earlier owner began this change and died: nobody can know how far it came.
        case begunBefore

        var mayHaveRun: Bool { self == .begunBefore || self == .run(mayHaveRun: true) }
    }

    private enum Entry: Sendable, Hashable { case waiting, begun, done }

    /// The lowest unfinished offset: what may be committed.
    private(set) var base: Int64?
    private var entries: Deque<Entry> = []
    /// What the earlier owner left: relative to the offset that it committed.
    private var inherited: LedgerMetadata?
    private var inheritedBase: Int64 = 0
    /// Offsets below this one were on the log when the partition was taken over.
    private var logEndAtTakeover: Int64 = 0
    /// Something changed since the last `commit()`.
    private(set) var isDirty = false

    /// - Parameters:
    ///   - committed: the committed offset, if there is one.
    ///   - metadata: the commit's metadata; text that isn't a ledger's is ignored (`LedgerMetadata.init?` tells).
    ///   - logEnd: the log's end (next offset to be written) at takeover. The metadata is never believed past it: a log that lost its
    ///     tail gives those offsets to new records.
    init(committed: Int64?, metadata: LedgerMetadata?, logEnd: Int64) {
        self.logEndAtTakeover = logEnd
        guard let committed else { return }
        // A committed offset past the log's end means that the log lost its tail: what is below the new end was finished before.
        self.base = min(committed, logEnd)
        if committed <= logEnd, let metadata {
            self.inherited = metadata
            self.inheritedBase = committed
        }
    }

    /// How many offsets lie between the lowest unfinished one and the last one seen.
    var span: Int { self.entries.count }
    var unfinishedCount: Int { self.entries.count(where: { $0 != .done }) }
    /// Offsets of changes that have been begun and not finished.
    var begun: [Int64] {
        guard let base = self.base else { return [] }
        return self.entries.indices.filter { self.entries[$0] == .begun }.map { base + Int64($0) }
    }

    /// Whether an offset lies so far beyond the lowest unfinished one that no commit could tell what becomes of it. Offsets that never come (an
    /// aborted fan-out's, or those of records that retention has removed) can take it there in one step.
    func isBeyondWindow(_ offset: Int64) -> Bool {
        guard let base = self.base, !self.entries.isEmpty else { return false }
        return offset - base >= Int64(LedgerMetadata.maximumWindow)
    }

    /// Takes a record that isn't beyond the window.
    mutating func admit(_ offset: Int64) -> Admission {
        var base = self.base ?? offset
        // Below the lowest unfinished one: finished, and delivered again.
        guard offset >= base else { return .skip }
        // Offsets that never come (transaction markers, compacted records) count as done.
        if self.entries.isEmpty { base = offset }
        self.base = base
        let index = Int(offset - base)
        if index < self.entries.count { return .skip }
        while self.entries.count < index { self.entries.append(.done) }
        let inheritedIndex = Int(offset - self.inheritedBase)
        if let inherited, offset < self.logEndAtTakeover {
            if inherited.isDone(inheritedIndex) {
                self.entries.append(.done)
                self.settle()
                return .skip
            }
            if inherited.isBegun(inheritedIndex) {
                // It stays begun in what this owner commits, until its result is out: the next one must not run it either.
                self.entries.append(.begun)
                return .begunBefore
            }
            self.entries.append(.waiting)
            return .run(mayHaveRun: !inherited.wasReleasedInOrder)
        }
        self.entries.append(.waiting)
        return .run(mayHaveRun: false)
    }

    /// A change is about to be sent. What is then committed must be acknowledged before its first byte goes out.
    mutating func begin(_ offset: Int64) {
        guard let index = self.index(of: offset), self.entries[index] == .waiting else { return }
        self.entries[index] = .begun
        self.isDirty = true
    }

    /// A change that was to begin did not: nothing of it was sent.
    mutating func retract(_ offset: Int64) {
        guard let index = self.index(of: offset), self.entries[index] == .begun else { return }
        self.entries[index] = .waiting
        self.isDirty = true
    }

    /// The task's terminal result is published.
    /// - Returns: false when that was known already.
    @discardableResult
    mutating func finish(_ offset: Int64) -> Bool {
        guard let index = self.index(of: offset), self.entries[index] != .done else { return false }
        self.entries[index] = .done
        self.settle()
        return true
    }

    /// What to commit now. `releasedInOrder`: the partition is being given up and nothing of it runs any more.
    mutating func commit(releasedInOrder: Bool = false) -> (offset: Int64, metadata: LedgerMetadata)? {
        guard let base = self.base else { return nil }
        self.isDirty = false
        var metadata = LedgerMetadata(wasReleasedInOrder: releasedInOrder && !self.holdsSuspects(from: base))
        for (index, entry) in self.entries.enumerated() {
            switch entry {
            case .waiting: break
            case .begun: metadata.markBegun(index)
            case .done: metadata.markDone(index)
            }
        }
        self.keepUnseenInheritance(in: &metadata, base: base)
        return (base, metadata)
    }

    /// A commit that was taken did not reach the coordinator.
    mutating func commitFailed() { self.isDirty = true }

    private func index(of offset: Int64) -> Int? {
        guard let base = self.base, offset >= base, offset - base < Int64(self.entries.count) else { return nil }
        return Int(offset - base)
    }

    private mutating func settle() {
        self.isDirty = true
        while self.entries.first == .done {
            self.entries.removeFirst()
            self.base = self.base.map { $0 + 1 }
        }
    }

    /// Whether a task still waits here that an owner before, who gave nothing up in order, may have run: its next owner has to know that too.
    private func holdsSuspects(from base: Int64) -> Bool {
        guard let inherited = self.inherited, !inherited.wasReleasedInOrder else { return false }
        let suspects = self.entries.prefix(max(0, Int(clamping: self.logEndAtTakeover - base)))
        return suspects.contains(.waiting)
    }

    /// Marks of the earlier owner past what has been consumed since: they must survive this owner's commits, or a second crash would repeat
    /// finished work.
    private func keepUnseenInheritance(in metadata: inout LedgerMetadata, base: Int64) {
        guard let inherited = self.inherited else { return }
        let firstUnseen = base + Int64(self.entries.count)
        let shift = Int(base - self.inheritedBase)
        for index in inherited.markedIndices {
            let offset = self.inheritedBase + Int64(index)
            guard offset >= firstUnseen, offset < self.logEndAtTakeover, index >= shift else { continue }
            if inherited.isDone(index) { metadata.markDone(index - shift) }
            if inherited.isBegun(index) { metadata.markBegun(index - shift) }
        }
        if !inherited.wasReleasedInOrder && firstUnseen < self.logEndAtTakeover { metadata.wasReleasedInOrder = false }
    }
}
