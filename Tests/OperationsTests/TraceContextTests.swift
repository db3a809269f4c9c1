import Testing
import Tracing

@testable import Operations

@Suite struct TraceContextTests {
    static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let span = "00f067aa0ba902b7"

    @Test("a context is read and written as it came")
    func roundTrip() throws {
        let text = "00-\(Self.trace)-\(Self.span)-01"
        let context = try #require(TraceContext(parent: text, state: "vendor=1,other=2"))
        #expect(context.parent == text)
        #expect(context.isSampled)
        #expect(context.state == "vendor=1,other=2")
    }

    @Test("flags that nobody knows count for nothing")
    func flags() {
        #expect(TraceContext(parent: "00-\(Self.trace)-\(Self.span)-00")?.isSampled == false)
        #expect(TraceContext(parent: "00-\(Self.trace)-\(Self.span)-03")?.isSampled == true)
        #expect(TraceContext(parent: "00-\(Self.trace)-\(Self.span)-fe")?.isSampled == false)
    }

    @Test("a later version may have more behind what is known; version 0 may not")
    func versions() {
        #expect(TraceContext(parent: "01-\(Self.trace)-\(Self.span)-01") != nil)
        #expect(TraceContext(parent: "cc-\(Self.trace)-\(Self.span)-01-what-comes-later") != nil)
        #expect(TraceContext(parent: "cc-\(Self.trace)-\(Self.span)-01.x") == nil)
        #expect(TraceContext(parent: "00-\(Self.trace)-\(Self.span)-01-more") == nil)
    }

    @Test(
        "what is no context is none",
        arguments: [
            "", "00", "ff-\(trace)-\(span)-01", "00-\(trace.uppercased())-\(span)-01",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-0g", "00-\(trace)-\(span)01", "00_\(trace)_\(span)_01",
            "00-\(trace)x-\(span)-01", " 00-\(trace)-\(span)-01", "00-\(trace)-\(span)-01\n",
        ])
    func invalid(text: String) {
        #expect(TraceContext(parent: text) == nil)
    }

    @Test("a state that can't be passed on is left out, and the trace goes on")
    func states() throws {
        let parent = "00-\(Self.trace)-\(Self.span)-01"
        let long = try #require(TraceContext(parent: parent, state: String(repeating: "a", count: 513)))
        #expect(long.state == nil)
        let strange = try #require(TraceContext(parent: parent, state: "a=b\r\nset-cookie: x"))
        #expect(strange.state == nil)
    }

    @Test(
        "a span without a parent begins a trace; a child stays in it; what isn't sampled is carried on and not recorded"
    )
    func spans() throws {
        let finished = FinishedSpans()
        let tracer = SpanTracer { finished.take($0) }
        let root = tracer.startSpan("root", context: .topLevel)
        let child = tracer.startSpan("child", context: root.context)
        child.end()
        root.end()
        root.end()
        let spans = finished.all
        #expect(spans.map(\.name) == ["child", "root"])
        #expect(spans[0].context.traceID == spans[1].context.traceID)
        #expect(spans[0].parentID == spans[1].context.spanID)
        #expect(spans[1].parentID == nil)

        var context = ServiceContext.topLevel
        context.trace = TraceContext(parent: "00-\(Self.trace)-\(Self.span)-00", state: "a=b")
        let silent = tracer.startSpan("silent", context: context)
        #expect(!silent.isRecording)
        var carrier: [String: String] = [:]
        tracer.inject(silent.context, into: &carrier, using: DictionaryCarrier())
        silent.end()
        #expect(finished.all.count == 2)
        #expect(carrier["traceparent"]?.hasPrefix("00-\(Self.trace)-") == true)
        #expect(carrier["traceparent"]?.hasSuffix("-00") == true)
        #expect(carrier["tracestate"] == "a=b")
    }
}

struct DictionaryCarrier: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}
