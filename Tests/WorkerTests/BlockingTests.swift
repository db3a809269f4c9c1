import Dispatch
import Kafka
import Testing

@testable import Worker

@Suite("Calls that block")
struct BlockingTests {
    /// Swift's tasks need threads too: those of libdispatch are bounded for the whole process, whichever queue they serve.
    @Test("however many slow calls wait, tasks go on, and so does what has a thread of its own")
    func ownThread() async throws {
        let gate = DispatchSemaphore(value: 0)
        let slow = 300
        let thread = try SerialThread(name: "transactions")
        try await withThrowingTaskGroup { calls in
            for _ in 0..<slow { calls.addTask { try await Blocking.run { _ = gate.wait(timeout: .now() + 5) } } }
            let started = ContinuousClock.now
            try await thread.runToEnd(cancelled: {}) {}
            let elapsed = ContinuousClock.now - started
            for _ in 0..<slow { gate.signal() }
            try await calls.waitForAll()
            #expect(elapsed < .seconds(2))
        }
        thread.stop()
    }
}
