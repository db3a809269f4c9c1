import NIOConcurrencyHelpers

/// Names for sessions, unique over processes and time: a random part for the process, and a count.
enum SessionIdentifier {
    private static let process = UInt64.random(in: .min ... .max)
    private static let count = NIOLockedValueBox<UInt64>(0)

    static func next() -> String {
        let number = self.count.withLockedValue { count -> UInt64 in
            count += 1
            return count
        }
        return "\(String(self.process, radix: 36))-\(number)"
    }
}
