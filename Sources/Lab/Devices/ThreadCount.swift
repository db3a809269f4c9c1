import Dispatch
import Glibc

/// Starts detached threads and knows whether any is running.
final class ThreadCount: Sendable {
    private let running = DispatchGroup()

    private final class Job: Sendable {
        let body: @Sendable () -> Void
        let running: DispatchGroup

        init(_ body: @escaping @Sendable () -> Void, _ running: DispatchGroup) {
            self.body = body
            self.running = running
        }
    }

    /// Runs `body` on a new thread. Returns whether one could be started.
    func start(stackSize: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackSize)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        running.enter()
        let job = Unmanaged.passRetained(Job(body, running))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
                job.body()
                job.running.leave()
                return nil
            },
            job.toOpaque()
        )
        guard result == 0 else {
            job.release()
            running.leave()
            return false
        }
        return true
    }

    /// Blocks until no thread is left. Returns `false` when time ran out first.
    @discardableResult
    func waitForAll(seconds: Double) -> Bool {
        running.wait(timeout: .now() + seconds) == .success
    }
}
