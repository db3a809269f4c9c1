import Devices
import NIOCore

/// Runs work of a connection on that connection's event loop, so that it crosses threads on its way in and out, and nowhere between.
struct LoopTask: Sendable {
    private let executor: EventLoopTaskExecutor
    var eventLoop: any EventLoop { self.executor.eventLoop }

    init(_ eventLoop: any EventLoop) { self.executor = EventLoopTaskExecutor(eventLoop) }

    func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await withTaskExecutorPreference(self.executor) { try await body() }
    }
}
