import NIOCore

/// Runs work of a connection on that connection's event loop, so that it crosses threads on its way in and out, and nowhere between.
///
/// An actor on the loop isn't enough for that: a continuation resumes on the task's executor, which is the global pool unless the task
/// prefers another one, and goes back to the actor's only from there. So the task prefers the event loop.
struct LoopTask: Sendable {
    let eventLoop: any EventLoop
    private let executor: LoopExecutor

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.executor = LoopExecutor(eventLoop)
    }

    func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await withTaskExecutorPreference(self.executor) { try await body() }
    }
}

private final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute {
            // On both executors at once: going over to an actor of this loop is no hop then.
            job.runSynchronously(
                isolatedTo: self.eventLoop.executor.asUnownedSerialExecutor(),
                taskExecutor: self.asUnownedTaskExecutor()
            )
        }
    }
}
