import NIOPosix

/// Runs a call that blocks (a resolver, a disk, a C library) away from Swift's cooperative pool.
///
/// On threads of its own: on Linux, Swift's pool takes its threads from libdispatch's bounded supply. Calls that hang on some dozens of those would stop
/// every task of the process, and with them the commits that its membership rests on.
package enum Blocking {
    private static let threads: NIOThreadPool = {
        let threads = NIOThreadPool(numberOfThreads: 64)
        threads.start()
        return threads
    }()

    /// Not cut short by cancellation.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Self.threads.submit { _ in continuation.resume(with: Result { try body() }) }
        }
    }
}
