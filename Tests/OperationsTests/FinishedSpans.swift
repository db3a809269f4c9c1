import NIOConcurrencyHelpers

@testable import Operations

/// Keeps the spans that have ended.
final class FinishedSpans: Sendable {
    private let spans = NIOLockedValueBox<[FinishedSpan]>([])

    func take(_ span: FinishedSpan) { self.spans.withLockedValue { $0.append(span) } }
    var all: [FinishedSpan] { self.spans.withLockedValue { $0 } }
}
