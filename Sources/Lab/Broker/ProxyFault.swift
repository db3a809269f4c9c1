/// What is wrong with the network between clients and the broker.
package enum ProxyFault: Sendable, Hashable {
    /// New connections are refused; open ones go on.
    case refuse
    /// Connections are accepted and stay open, and nothing gets through in either direction. Nothing is lost: healing lets it through,
    /// as when a network comes back before TCP gives up.
    case blackHole
    /// Each frame takes that much longer in each direction.
    case latency(Duration)
    /// Each connection carries no more than that in each direction.
    case throttle(bytesPerSecond: Int)

    /// From the words of a control command: `refuse`, `black-hole`, `latency MS`, `throttle BYTES`.
    package init?(words: [String]) {
        switch (words.first, words.count) {
        case ("refuse", 1): self = .refuse
        case ("black-hole", 1): self = .blackHole
        case ("latency", 2):
            guard let milliseconds = Int(words[1]), milliseconds >= 0 else { return nil }
            self = .latency(.milliseconds(milliseconds))
        case ("throttle", 2):
            guard let bytes = Int(words[1]), bytes > 0 else { return nil }
            self = .throttle(bytesPerSecond: bytes)
        default: return nil
        }
    }
}
