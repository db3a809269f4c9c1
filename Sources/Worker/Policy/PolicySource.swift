import NIOConcurrencyHelpers

/// The policy in force, and the file that it is read from again on request.
///
/// Safe to use from any thread.
package final class PolicySource: Sendable {
    private let path: String?
    private let policy: NIOLockedValueBox<Policy>

    /// Reads the file. Not for an event loop.
    package init(path: String) throws(PolicyError) {
        self.path = path
        self.policy = NIOLockedValueBox(try Policy(path: path))
    }

    /// A policy that no file is behind.
    package init(_ policy: Policy) {
        self.path = nil
        self.policy = NIOLockedValueBox(policy)
    }

    package var current: Policy { self.policy.withLockedValue { $0 } }

    package func replace(_ policy: Policy) { self.policy.withLockedValue { $0 = policy } }

    /// Reads the file again. If it holds a mistake, the policy in force stays. Not for an event loop.
    package func reload() throws(PolicyError) {
        guard let path = self.path else { return }
        self.replace(try Policy(path: path))
    }
}
