/// A value that must never be shown: a password, a passphrase, a private key.
///
/// Every way of turning it into text gives `••••`; the one way to its bytes is `withExposedValue`, so that a search for
/// that name lists each place where a secret is used.
public struct Secret: Sendable, Hashable {
    private let value: String

    public init(_ value: String) {
        self.value = value
    }

    /// Whether the secret is the empty string.
    public var isEmpty: Bool { self.value.isEmpty }

    /// Gives the secret to `body`. Don't let it out of there.
    public func withExposedValue<Result, Failure: Error>(
        _ body: (String) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.value)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "••••" }
    public var debugDescription: String { "••••" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
