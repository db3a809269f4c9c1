import NIOCore

/// Lets a task live on an event loop, together with the actors there.
///
/// An actor on the loop isn't enough: whatever its code awaits resumes on the task's executor, which is the global pool unless the task prefers
/// another, and gets back to the actor only from there. With this preference there is no way to the pool and back.
package final class EventLoopTaskExecutor: TaskExecutor {
    package let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute {
            // Not isolated to the loop's serial executor as well, which would save the way to an actor of this loop: code that isn't
            // isolated would have to leave that executor again at each return from a call, by way of the loop's queue.
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }
}
