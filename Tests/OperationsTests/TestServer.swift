import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle

/// A server for the time of one test.
enum TestServer {
    struct NotStarted: Error {}

    /// - Parameter make: the server; calls what it gets with its port once it listens.
    static func with(
        _ make: (@escaping @Sendable (Int) -> Void) -> any Service, _ body: (Int) async throws -> Void
    ) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let group = ServiceGroup(
            services: [
                make {
                    port.yield($0)
                    port.finish()
                }
            ], logger: Logger(label: "server") { _ in SwiftLogNoOpLogHandler() })
        let run = Task {
            // Whoever waits for the port must not wait for ever.
            defer { port.finish() }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let number = await iterator.next() else {
            try await run.value
            throw NotStarted()
        }
        do {
            try await body(number)
        } catch {
            await group.triggerGracefulShutdown()
            _ = await run.result
            throw error
        }
        await group.triggerGracefulShutdown()
        try await run.value
    }
}
