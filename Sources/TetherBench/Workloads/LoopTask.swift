import NIOCore

/// Runs work of a connection on that connection's event loop, as the worker's lanes do: it crosses threads on its way in and out, and nowhere
/// between.
actor LoopTask {
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func run<Result: Sendable>(_ body: nonisolated(nonsending) @Sendable () async throws -> Result) async throws
        -> Result
    {
        try await body()
    }
}
