import UnixSignals

/// Waits for SIGTERM, SIGINT, or a `quit` on the control port.
struct Termination: Sendable {
    private let signals: UnixSignalsSequence
    private let quits: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// From here on the signals no longer end the process at once, so that a child process is never left behind.
    init() async {
        signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        // One wish to end is enough: further ones are dropped.
        (quits, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks to end. From any thread.
    func request() { continuation.yield() }

    func wait() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [signals] in
                for await _ in signals { return }
            }
            group.addTask { [quits] in
                for await _ in quits { return }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
