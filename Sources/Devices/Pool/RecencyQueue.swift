import NIOCore

/// Keys in the order of their last use. Every operation takes constant time, spread over a few calls: a removed key leaves a stale place
/// behind, and stale places are swept when they outnumber the others.
struct RecencyQueue: Sendable {
    private var places: CircularBuffer<(key: String, ticket: UInt64)> = []
    private var tickets: [String: UInt64] = [:]
    private var lastTicket: UInt64 = 0

    var isEmpty: Bool { self.tickets.isEmpty }
    var count: Int { self.tickets.count }

    /// Puts the key at the end: it has just been used.
    mutating func append(_ key: String) {
        self.lastTicket += 1
        self.tickets[key] = self.lastTicket
        self.places.append((key, self.lastTicket))
        if self.places.count > 2 * self.tickets.count + 64 {
            let tickets = self.tickets
            self.places.removeAll { tickets[$0.key] != $0.ticket }
        }
    }

    mutating func remove(_ key: String) {
        self.tickets[key] = nil
    }

    /// The key unused for longest.
    mutating func oldest() -> String? {
        while let first = self.places.first {
            if self.tickets[first.key] == first.ticket { return first.key }
            self.places.removeFirst()
        }
        return nil
    }

    mutating func popOldest() -> String? {
        guard let key = self.oldest() else { return nil }
        self.places.removeFirst()
        self.tickets[key] = nil
        return key
    }
}
