import NIOConcurrencyHelpers
import Tracing

/// A span that is recorded until it ends, and then handed on once; or one that only carries the context of a trace that nobody wants recorded.
///
/// Safe to use from any thread.
package final class RecordedSpan: Span {
    private struct State: Sendable {
        var name: String
        var attributes: SpanAttributes = [:]
        var events: [FinishedSpan.Event] = []
        var links: [TraceContext] = []
        var status: SpanStatus?
        var isEnded = false
    }

    /// Of one span; those after them are dropped (OpenTelemetry SDK, Span Limits).
    private static let maximumEvents = 128

    package let context: ServiceContext
    package let isRecording: Bool
    private let trace: TraceContext
    private let parentID: [UInt8]?
    private let kind: SpanKind
    private let start: UInt64
    private let state: NIOLockedValueBox<State>
    private let finish: @Sendable (FinishedSpan) -> Void

    init(
        _ name: String, context: ServiceContext, trace: TraceContext, parentID: [UInt8]?, kind: SpanKind, start: UInt64,
        finish: @escaping @Sendable (FinishedSpan) -> Void
    ) {
        self.context = context
        self.trace = trace
        self.parentID = parentID
        self.kind = kind
        self.start = start
        self.isRecording = trace.isSampled
        self.state = NIOLockedValueBox(State(name: name))
        self.finish = finish
    }

    package var operationName: String {
        get { self.state.withLockedValue { $0.name } }
        set { self.change { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { self.state.withLockedValue { $0.attributes } }
        set { self.change { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) {
        self.change { state in
            // "Ok" is final (Trace API, Set Status).
            if state.status?.code != .ok { state.status = status }
        }
    }

    package func addEvent(_ event: SpanEvent) {
        self.add(.init(name: event.name, time: event.nanosecondsSinceEpoch, attributes: event.attributes))
    }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.type"] = String(reflecting: type(of: error))
        attributes["exception.message"] = "\(error)"
        self.add(.init(name: "exception", time: instant().nanosecondsSinceEpoch, attributes: attributes))
    }

    private func add(_ event: FinishedSpan.Event) {
        self.change { state in
            guard state.events.count < Self.maximumEvents else { return }
            state.events.append(event)
        }
    }

    package func addLink(_ link: SpanLink) {
        guard let trace = link.context.trace else { return }
        self.change { state in
            if state.links.count < Self.maximumEvents { state.links.append(trace) }
        }
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard self.isRecording else { return }
        let end = instant().nanosecondsSinceEpoch
        let state = self.state.withLockedValue { state -> State? in
            guard !state.isEnded else { return nil }
            state.isEnded = true
            return state
        }
        guard let state else { return }
        self.finish(
            FinishedSpan(
                name: state.name, kind: self.kind, context: self.trace, parentID: self.parentID, start: self.start,
                end: max(end, self.start), attributes: state.attributes, events: state.events, links: state.links,
                status: state.status))
    }

    private func change(_ body: (inout State) -> Void) {
        guard self.isRecording else { return }
        self.state.withLockedValue { state in
            if !state.isEnded { body(&state) }
        }
    }
}
