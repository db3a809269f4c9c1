/// One thread that runs blocking calls one after the other for asynchronous callers.
///
/// Each queued call has a caller that waits for it, so the queue is as long as there are callers, never longer.
package final class SerialThread: Sendable {
    private struct State: Sendable {
        var calls: [@Sendable () -> Void] = []
        var isStopping = false
    }
    private let state = Monitor(State())

    /// - Parameter idle: runs about once a second while there is nothing else to do.
    package init(name: String, idle: @escaping @Sendable () -> Void = {}) throws(KafkaError) {
        let state = self.state
        try OwnThread.start(name: name) {
            while true {
                let next = state.wait(atMost: .seconds(1)) { state -> Next? in
                    if !state.calls.isEmpty { return .call(state.calls.removeFirst()) }
                    return state.isStopping ? .stop : nil
                }
                switch next {
                case .call(let call): call()
                case .stop: return
                case nil: idle()
                }
            }
        }
    }

    private enum Next: Sendable {
        case call(@Sendable () -> Void)
        case stop
    }

    /// Runs `body` on the thread and waits for it. A cancelled caller returns at once with `kafka.cancelled`; `body` runs to its end all the same.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let answer = Answer<Value>()
        return try await answer.wait(start: { self.enqueue(body, answer) }, cancelled: { answer.cancel() })
    }

    /// The same, but a cancelled caller still waits for the answer: `cancelled` is called to shorten what `body` does.
    package func runToEnd<Value: Sendable>(
        cancelled: @escaping @Sendable () -> Void,
        _ body: @escaping @Sendable () throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let answer = Answer<Value>()
        return try await answer.wait(start: { self.enqueue(body, answer) }, cancelled: cancelled)
    }

    private func enqueue<Value: Sendable>(
        _ body: @escaping @Sendable () throws(KafkaError) -> Value,
        _ answer: Answer<Value>
    ) {
        let accepted = self.state.update { state in
            if state.isStopping { return false }
            state.calls.append {
                do throws(KafkaError) { answer.resolve(.success(try body())) } catch { answer.resolve(.failure(error)) }
            }
            return true
        }
        if !accepted { answer.resolve(.failure(.closed)) }
    }

    /// Queues a last call that nobody waits for, and ends the thread after it. Returns at once.
    func finish(_ body: @escaping @Sendable () -> Void) {
        self.state.update { state in
            guard !state.isStopping else { return }
            state.calls.append(body)
            state.isStopping = true
        }
    }

    /// Ends the thread after the calls that are queued already; later calls fail with `kafka.closed`. Returns at once.
    package func stop() {
        self.state.update { $0.isStopping = true }
    }
}
