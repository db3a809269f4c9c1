import Tracing

/// Records spans and hands each on when it has ended. Context comes and goes as W3C Trace Context.
///
/// A trace that somebody else began is recorded if they want it recorded; one that begins here always is. Safe to use from any thread.
package struct SpanTracer: Tracer {
    private static let parent = "traceparent"
    private static let state = "tracestate"

    private let finish: @Sendable (FinishedSpan) -> Void

    /// - Parameter finish: called on the thread that ends a span; must not block.
    package init(finish: @escaping @Sendable (FinishedSpan) -> Void) {
        self.finish = finish
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> RecordedSpan {
        var context = context()
        let parent = context.trace
        let trace = TraceContext(
            traceID: parent?.traceID ?? Self.random(16), spanID: Self.random(8), isSampled: parent?.isSampled ?? true,
            state: parent?.state)
        context.trace = trace
        return RecordedSpan(
            operationName, context: context, trace: trace, parentID: parent?.spanID, kind: kind,
            start: instant().nanosecondsSinceEpoch, finish: self.finish)
    }

    package func forceFlush() {}

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parent = extractor.extract(key: Self.parent, from: carrier) else { return }
        context.trace = TraceContext(parent: parent, state: extractor.extract(key: Self.state, from: carrier))
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.parent, forKey: Self.parent, into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: Self.state, into: &carrier) }
    }

    /// Never all zero: that would be no id.
    private static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        while true {
            var bytes: [UInt8] = []
            for _ in 0..<count / 8 {
                let word: UInt64 = generator.next()
                withUnsafeBytes(of: word) { bytes.append(contentsOf: $0) }
            }
            if bytes.contains(where: { $0 != 0 }) { return bytes }
        }
    }
}
