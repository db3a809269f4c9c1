import Tracing

/// A span that is over, as it is to be exported. A value.
package struct FinishedSpan: Sendable {
    package struct Event: Sendable {
        package var name: String
        package var time: UInt64
        package var attributes: SpanAttributes
    }

    package var name: String
    package var kind: SpanKind
    package var context: TraceContext
    /// Of the span that it is a child of; `nil` for the first of a trace.
    package var parentID: [UInt8]?
    /// Nanoseconds since 1970.
    package var start: UInt64
    package var end: UInt64
    package var attributes: SpanAttributes
    package var events: [Event]
    package var links: [TraceContext]
    package var status: SpanStatus?
}
