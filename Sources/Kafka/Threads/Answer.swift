import NIOConcurrencyHelpers

/// The answer to one call, given once by whichever comes first: the thread that worked on it, a time-out, or cancellation.
final class Answer<Value: Sendable>: Sendable {
    private enum State: Sendable {
        case idle
        case waiting(CheckedContinuation<Result<Value, KafkaError>, Never>)
        case resolved(Result<Value, KafkaError>)
        case taken
    }
    private let state = NIOLockedValueBox(State.idle)

    /// Gives the answer. Later ones are ignored.
    func resolve(_ result: Result<Value, KafkaError>) {
        let continuation = self.state.withLockedValue {
            state -> CheckedContinuation<Result<Value, KafkaError>, Never>? in
            switch state {
            case .idle:
                state = .resolved(result)
                return nil
            case .waiting(let continuation):
                state = .taken
                return continuation
            case .resolved, .taken:
                return nil
            }
        }
        continuation?.resume(returning: result)
    }

    func cancel() {
        self.resolve(.failure(.cancelled))
    }

    /// Runs `start`, then waits for the answer. `cancelled` runs when the task is cancelled, and decides what that means.
    func wait(
        start: () -> Void,
        cancelled: @escaping @Sendable () -> Void
    ) async throws(KafkaError) -> Value {
        start()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, KafkaError>, Never>) in
                let resolved = self.state.withLockedValue { state -> Result<Value, KafkaError>? in
                    if case .resolved(let result) = state {
                        state = .taken
                        return result
                    }
                    state = .waiting(continuation)
                    return nil
                }
                if let resolved { continuation.resume(returning: resolved) }
            }
        } onCancel: {
            cancelled()
        }
        return try result.get()
    }
}
