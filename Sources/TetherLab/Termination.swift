import Lab
import UnixSignals

/// Waits for SIGTERM, SIGINT, or a `quit` on the control port.
struct Termination: Sendable {
    private let quits: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        // One wish to end is enough: further ones are dropped.
        (quits, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks to end. From any thread.
    func request() { continuation.yield() }

    func wait() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return }
            }
            group.addTask { [quits] in
                for await _ in quits { return }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
