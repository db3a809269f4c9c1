import NIOCore

extension EventLoopFuture where Value: Sendable {
    /// Waits for the future without leaving the caller's executor for good.
    ///
    /// `get()` leaves it, and optimized code of this compiler doesn't go back there when the result is all that is returned: the caller, an actor on an
    /// event loop perhaps, would go on somewhere else. A continuation resumes where the caller was.
    package func outcome() async -> Result<Value, any Error> {
        await withCheckedContinuation { continuation in
            self.whenComplete { continuation.resume(returning: $0) }
        }
    }
}
