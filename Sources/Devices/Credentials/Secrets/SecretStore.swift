import NIOConcurrencyHelpers
import NIOCore

/// Gives out secrets that are kept elsewhere: fetched when they are needed, kept in memory for a while, and nowhere else.
///
/// Safe to use from any task or thread. What is decided is decided by ``SecretCache``, behind one lock, which is never held while something is
/// performed.
final class SecretStore: Sendable {
    typealias Fetch = @Sendable (SecretLocation) async -> Result<SecretDocument, SecretFailure>

    private struct State {
        var cache = SecretCache()
        var waiters: [SecretCache.Waiter: Waiting] = [:]
        var lastWaiter: SecretCache.Waiter = 0
    }

    private struct Waiting {
        var continuation: CheckedContinuation<Result<SecretDocument, SecretFailure>, Never>
        var timer: Scheduled<Void>?
    }

    private let state = NIOLockedValueBox(State())
    private let timerLoop: any EventLoop
    private let limit: Duration
    private let timeToLive: @Sendable (SecretLocation) -> Duration
    private let onUserChange: @Sendable (SecretLocation) -> Void
    private let fetch: Fetch

    /// - Parameters:
    ///   - limit: How long a caller waits, and a fetch takes, at most.
    ///   - timeToLive: How long what a place gives is used, if the place itself doesn't say less.
    ///   - onUserChange: Called when a place names another user than before.
    init(
        timerLoop: any EventLoop,
        limit: Duration = .seconds(30),
        timeToLive: @escaping @Sendable (SecretLocation) -> Duration,
        onUserChange: @escaping @Sendable (SecretLocation) -> Void = { _ in },
        fetch: @escaping Fetch
    ) {
        self.timerLoop = timerLoop
        self.limit = limit
        self.timeToLive = timeToLive
        self.onUserChange = onUserChange
        self.fetch = fetch
    }

    /// What is kept at a place.
    ///
    /// - Parameter generation: What was fetched before isn't good enough, nor what came with it.
    /// - Throws: why it can't be had, or that the caller was cancelled.
    func document(
        at location: SecretLocation, newerThan generation: UInt64? = nil
    ) async throws(SecretFailure) -> SecretDocument {
        let waiter = self.state.withLockedValue { state -> SecretCache.Waiter in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.begin(location, waiter, generation, continuation)
            }
        } onCancel: {
            self.give(up: waiter, location, .cancelled)
        }
        return try result.get()
    }

    /// Forgets what was fetched from some places.
    func forget(where isOutdated: (SecretLocation) -> Bool) {
        self.state.withLockedValue { $0.cache.forget(where: isOutdated) }
    }

    private func begin(
        _ location: SecretLocation, _ waiter: SecretCache.Waiter, _ generation: UInt64?,
        _ continuation: CheckedContinuation<Result<SecretDocument, SecretFailure>, Never>
    ) {
        let (answer, fetches) = self.state.withLockedValue { state -> (Result<SecretDocument, SecretFailure>?, Bool) in
            // Under the lock: a cancellation from here on finds the waiter registered.
            guard !Task.isCancelled else { return (.failure(.cancelled), false) }
            switch state.cache.request(location, waiter, newerThan: generation, now: .now()) {
            case .document(let document): return (.success(document), false)
            case .failure(let failure): return (.failure(failure), false)
            case .wait:
                state.waiters[waiter] = Waiting(continuation: continuation)
                return (nil, false)
            case .fetch:
                state.waiters[waiter] = Waiting(continuation: continuation)
                return (nil, true)
            }
        }
        if let answer { return continuation.resume(returning: answer) }
        let timer = self.timerLoop.scheduleTask(in: TimeAmount(self.limit)) { [weak self, limit] in
            self?.give(
                up: waiter, location, SecretFailure(location, "didn't answer within \(limit.components.seconds) s"))
            return ()
        }
        let isGone = self.state.withLockedValue { state -> Bool in
            state.waiters[waiter]?.timer = timer
            return state.waiters[waiter] == nil
        }
        if isGone { timer.cancel() }
        if fetches { self.startFetching(location) }
    }

    private func startFetching(_ location: SecretLocation) {
        let fetch = self.fetch
        // Belongs to no caller: those who wait come and go.
        let task = Task {
            let result = await fetch(location)
            self.ended(location, result)
        }
        // What doesn't end by itself is cancelled, so that the next one may try.
        let limit = self.timerLoop.scheduleTask(in: TimeAmount(self.limit)) { task.cancel() }
        Task {
            await task.value
            limit.cancel()
        }
    }

    private func ended(_ location: SecretLocation, _ result: Result<SecretDocument, SecretFailure>) {
        let timeToLive = self.timeToLive(location)
        let (waiting, result, userHasChanged) = self.state.withLockedValue { state in
            let end = state.cache.ended(location, result, timeToLive: timeToLive, now: .now())
            return (end.waiters.compactMap { state.waiters.removeValue(forKey: $0) }, end.result, end.userHasChanged)
        }
        if userHasChanged { self.onUserChange(location) }
        for waiter in waiting {
            waiter.timer?.cancel()
            waiter.continuation.resume(returning: result)
        }
    }

    private func give(up waiter: SecretCache.Waiter, _ location: SecretLocation, _ failure: SecretFailure) {
        let waiting = self.state.withLockedValue { state -> Waiting? in
            state.cache.leave(location, waiter)
            return state.waiters.removeValue(forKey: waiter)
        }
        waiting?.timer?.cancel()
        waiting?.continuation.resume(returning: .failure(failure))
    }
}
