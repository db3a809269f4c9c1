import DequeModule

/// The spans that wait to be exported, at most so many: what comes when it is full is dropped and counted. A value without I/O.
struct SpanQueue: Sendable {
    /// The sizes that OpenTelemetry's SDKs have (Trace SDK, Batching processor).
    static let capacity = 2_048
    static let batch = 512

    private var spans: Deque<FinishedSpan> = []
    private(set) var dropped = 0

    var count: Int { self.spans.count }

    /// - Returns: whether there is a batch now that should go out at once.
    mutating func append(_ span: FinishedSpan) -> Bool {
        guard self.spans.count < Self.capacity else {
            self.dropped += 1
            return false
        }
        self.spans.append(span)
        return self.spans.count == Self.batch
    }

    mutating func take() -> [FinishedSpan] {
        let batch = Array(self.spans.prefix(Self.batch))
        self.spans.removeFirst(batch.count)
        return batch
    }
}
