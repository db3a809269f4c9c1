import Glibc

/// A value behind a lock that threads can wait on.
///
/// For threads of our own only: waiting blocks the calling thread. The lock is a pthread mutex, which ThreadSanitizer understands.
final class Monitor<State: Sendable>: @unchecked Sendable {
    // @unchecked: `state` is only touched while `mutex` is held; the two pointers never change and are freed in `deinit`,
    // when nobody can hold a reference any more.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    init(_ state: State) {
        self.state = state
        self.mutex = .allocate(capacity: 1)
        self.changed = .allocate(capacity: 1)
        pthread_mutex_init(self.mutex, nil)
        // Deadlines must not move when somebody sets the clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(self.changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(self.changed)
        pthread_mutex_destroy(self.mutex)
        self.changed.deallocate()
        self.mutex.deallocate()
    }

    /// Reads or changes the value, and wakes all waiting threads so that they look again.
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(self.mutex)
        defer {
            pthread_cond_broadcast(self.changed)
            pthread_mutex_unlock(self.mutex)
        }
        return body(&self.state)
    }

    /// Reads or changes the value without waking anybody.
    func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        return body(&self.state)
    }

    /// Blocks until `body` returns a value, asking it again after each update; `nil` when that hasn't happened within `timeout`.
    func wait<Result>(atMost timeout: Duration, until body: (inout State) -> Result?) -> Result? {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let (seconds, attoseconds) = timeout.components
        let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
        // A year is as good as for ever, and can't overflow.
        deadline.tv_sec += Int(min(max(seconds, 0), 31_536_000)) + nanoseconds / 1_000_000_000
        deadline.tv_nsec = max(0, nanoseconds % 1_000_000_000)

        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while true {
            if let result = body(&self.state) { return result }
            if pthread_cond_timedwait(self.changed, self.mutex, &deadline) == ETIMEDOUT {
                return body(&self.state)
            }
        }
    }
}
