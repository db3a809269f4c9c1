import Dispatch

/// Runs a call that blocks (a C library's, mostly) away from Swift's cooperative pool.
package enum Blocking {
    private static let queue = DispatchQueue(label: "tether.blocking", attributes: .concurrent)

    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
