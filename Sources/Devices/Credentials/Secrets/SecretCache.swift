import NIOCore

/// Knows what was fetched, for how long it is good, and who waits for it. A value: no I/O, no clock.
///
/// - Each place is asked by one fetch at a time, however many wait for it.
/// - What was fetched is used until its time to live is over, also when the place is out of order by then.
/// - A place that failed isn't asked again at once, so that ten thousand logins don't become ten thousand requests to a service that is down.
struct SecretCache: Sendable {
    typealias Waiter = UInt64

    enum Answer {
        case document(SecretDocument)
        case failure(SecretFailure)
        /// A fetch is under way; the waiter is among those that `ended` returns.
        case wait
        /// As `wait`, and the caller is to begin a fetch.
        case fetch
    }

    private struct Entry {
        var document: SecretDocument?
        var expires: NIODeadline = .uptimeNanoseconds(0)
        var failure: SecretFailure?
        var failedAt: NIODeadline = .uptimeNanoseconds(0)
        var isFetching = false
        var waiters: Set<Waiter> = []
    }

    /// How long a place that failed is left alone.
    static let failurePause = TimeAmount.seconds(1)
    /// Past this number, entries that nobody can use any more are dropped.
    static let roomyCount = 1_000

    private var entries: [SecretLocation: Entry] = [:]
    private var lastGeneration: UInt64 = 0

    /// - Parameter generation: only what was fetched later is good enough.
    mutating func request(
        _ location: SecretLocation, _ waiter: Waiter, newerThan generation: UInt64?, now: NIODeadline
    ) -> Answer {
        var entry = self.entries[location] ?? Entry()
        if let document = entry.document, now < entry.expires, document.generation > generation ?? 0 {
            return .document(document)
        }
        if let failure = entry.failure, !entry.isFetching, now < entry.failedAt + Self.failurePause {
            return .failure(failure)
        }
        let begins = !entry.isFetching
        entry.isFetching = true
        entry.waiters.insert(waiter)
        self.entries[location] = entry
        return begins ? .fetch : .wait
    }

    /// The waiter has gone; the fetch goes on for those who come later.
    mutating func leave(_ location: SecretLocation, _ waiter: Waiter) {
        self.entries[location]?.waiters.remove(waiter)
    }

    /// A fetch has ended.
    ///
    /// - Parameter timeToLive: for how long its document is good at most.
    /// - Returns: Who waited, what they get, and whether the user that it names is another one than before.
    mutating func ended(
        _ location: SecretLocation, _ result: Result<SecretDocument, SecretFailure>, timeToLive: Duration,
        now: NIODeadline
    ) -> (waiters: Set<Waiter>, result: Result<SecretDocument, SecretFailure>, userHasChanged: Bool) {
        if self.entries.count > Self.roomyCount { self.dropUseless(now) }
        var entry = self.entries[location] ?? Entry()
        let waiters = entry.waiters
        entry.waiters = []
        entry.isFetching = false
        var answer = result
        var userHasChanged = false
        switch result {
        case .success(var document):
            self.lastGeneration += 1
            document.generation = self.lastGeneration
            if let old = entry.document {
                let names = SecretDocument.Part.user
                userHasChanged = old.first(of: names) != document.first(of: names)
            }
            entry.document = document
            entry.expires = now + TimeAmount(max(.zero, min(timeToLive, document.lifetime ?? timeToLive)))
            entry.failure = nil
            answer = .success(document)
        case .failure(let failure):
            entry.failure = failure
            entry.failedAt = now
        }
        self.entries[location] = entry
        return (waiters, answer, userHasChanged)
    }

    /// Forgets what was fetched from some places. Fetches that are under way go on.
    mutating func forget(where isOutdated: (SecretLocation) -> Bool) {
        for location in Array(self.entries.keys) where isOutdated(location) {
            if self.entries[location]?.isFetching == true {
                self.entries[location]?.document = nil
            } else {
                self.entries[location] = nil
            }
        }
    }

    private mutating func dropUseless(_ now: NIODeadline) {
        self.entries = self.entries.filter { $0.value.isFetching || $0.value.expires > now }
    }
}
