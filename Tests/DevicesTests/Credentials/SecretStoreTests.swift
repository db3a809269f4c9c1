import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SSH
import Testing

@testable import Devices

@Suite("The store of secrets", .timeLimit(.minutes(1)))
struct SecretStoreTests {
    private let place = SecretLocation(.file("/a"))

    /// A place that answers when it is told to.
    private final class Source: Sendable {
        private struct State {
            var calls = 0
            var waiting: [CheckedContinuation<Result<SecretDocument, SecretFailure>, Never>] = []
        }
        private let state = NIOLockedValueBox(State())
        var calls: Int { self.state.withLockedValue { $0.calls } }

        func fetch() async -> Result<SecretDocument, SecretFailure> {
            await withCheckedContinuation { continuation in
                self.state.withLockedValue {
                    $0.calls += 1
                    $0.waiting.append(continuation)
                }
            }
        }

        func answer(_ result: Result<SecretDocument, SecretFailure>) {
            let waiting = self.state.withLockedValue { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: result) }
        }
    }

    private func store(_ source: Source, limit: Duration = .seconds(20)) -> SecretStore {
        SecretStore(
            timerLoop: MultiThreadedEventLoopGroup.singleton.next(), limit: limit, timeToLive: { _ in .seconds(60) },
            fetch: { _ in await source.fetch() })
    }

    @Test("a hundred callers at once: one fetch; who is cancelled leaves, and the others get their answer")
    func singleFlight() async throws {
        let source = Source()
        let store = self.store(source)
        let callers = (0..<100).map { _ in Task { try await store.document(at: place) } }
        try await until("the fetch has begun") { source.calls == 1 }
        for caller in callers.prefix(50) { caller.cancel() }
        for caller in callers.prefix(50) {
            await #expect(throws: SecretFailure.cancelled) { try await caller.value }
        }
        source.answer(.success(SecretDocument(text: Secret("x"))))
        for caller in callers.suffix(50) { #expect(try await caller.value.text == Secret("x")) }
        #expect(source.calls == 1)
    }

    @Test("a place that is mute is given up after its time, and asked again only when its fetch has ended")
    func mute() async throws {
        let source = Source()
        let store = self.store(source, limit: .milliseconds(50))
        for _ in 0..<2 {
            let failure = await #expect(throws: SecretFailure.self) { try await store.document(at: place) }
            #expect(failure?.message == "the file `/a` didn't answer within 0 s")
        }
        #expect(source.calls == 1)
        source.answer(.failure(SecretFailure("late")))
        try await until("another fetch") {
            let task = Task { try? await store.document(at: place) }
            _ = await task.value
            return source.calls == 2
        }
        source.answer(.success(SecretDocument(text: Secret("x"))))
        #expect(try await store.document(at: place).text == Secret("x"))
    }
}
