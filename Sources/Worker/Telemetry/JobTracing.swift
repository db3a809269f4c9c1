import Devices
import Jobs
import Kafka
import Tracing

/// Spans of jobs and their tasks, and how their context travels in records.
///
/// The context comes with the job's headers (W3C Trace Context); the router's span is its child, each task's span is the router's child, and every reply carries
/// the span that it comes from as its parent.
struct JobTracing: Sendable {
    let tracer: any Tracer

    /// The span of a job record that is being routed, and what goes with everything that follows from it.
    func route(_ record: KafkaRecord) -> (span: any Span, headers: [EchoedHeader]) {
        let headers = record.headers.map { EchoedHeader($0.name, $0.value) }
        let span = self.start("route job", in: self.context(of: headers), .consumer, at: DefaultTracerClock.now)
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "kafka"
            attributes["messaging.operation.type"] = "process"
            attributes["messaging.operation.name"] = "route"
            attributes["messaging.destination.name"] = record.topicPartition.topic
            attributes["messaging.destination.partition.id"] = String(record.topicPartition.partition)
            attributes["messaging.kafka.offset"] = record.offset
        }
        return (span, self.headers(of: span))
    }

    /// The span of a task that was just taken. What the task carries on names it as the parent.
    func begin(_ assigned: inout AssignedTask) {
        let task = assigned.task
        let (partition, offset) = (assigned.partition, assigned.offset)
        let clock = WallClock()
        let span = self.start(
            "task \(task.operation.type)", in: self.context(of: task.echo), .consumer, at: clock.time(assigned.taken))
        if span.isRecording {
            span.updateAttributes { attributes in
                attributes["messaging.system"] = "kafka"
                attributes["messaging.operation.type"] = "process"
                attributes["messaging.operation.name"] = "execute"
                attributes["messaging.destination.name"] = partition.topic
                attributes["messaging.destination.partition.id"] = String(partition.partition)
                attributes["messaging.kafka.offset"] = offset
                attributes["tether.job"] = task.job
                attributes["tether.task"] = task.id
                attributes["tether.device"] = task.device
                attributes["tether.operation"] = task.operation.type
                attributes["tether.effect"] = task.effect.rawValue
            }
        }
        assigned.task.echo.replaceTrace(with: self.headers(of: span))
        assigned.trace = TaskTrace(tracing: self, span: span, clock: clock)
    }

    fileprivate func start(
        _ name: String, in context: ServiceContext, _ kind: SpanKind, at time: DefaultTracerClock.Timestamp
    ) -> any Span {
        self.tracer.startSpan(
            name, context: context, ofKind: kind, at: time, function: #function, file: #fileID,
            line: #line)
    }

    private func context(of headers: [EchoedHeader]) -> ServiceContext {
        var context = ServiceContext.topLevel
        self.tracer.extract(headers, into: &context, using: HeaderCarrier())
        return context
    }

    private func headers(of span: any Span) -> [EchoedHeader] {
        var headers: [EchoedHeader] = []
        self.tracer.inject(span.context, into: &headers, using: HeaderCarrier())
        return headers
    }
}

/// A task's span and its children. A value that is handed from hand to hand; the span itself is shared.
struct TaskTrace: Sendable {
    let tracing: JobTracing
    let span: any Span
    let clock: WallClock

    /// Records something that is over as a child.
    /// - Parameter error: why it failed; `nil` for success.
    func record(
        _ name: String, _ kind: SpanKind = .internal, from start: ContinuousClock.Instant,
        to end: ContinuousClock.Instant = .now, error: ErrorDescription? = nil, attributes: SpanAttributes = [:]
    ) {
        guard self.span.isRecording else { return }
        let child = self.tracing.start(name, in: self.span.context, kind, at: self.clock.time(start))
        child.attributes = attributes
        if let error {
            child.updateAttributes { $0["error.type"] = error.code }
            child.setStatus(SpanStatus(code: .error, message: error.message))
        }
        child.end(at: self.clock.time(end))
    }

    /// Of what a client's span talks to (OpenTelemetry semantic conventions, "Server attributes").
    static func address(of device: Device) -> SpanAttributes {
        ["server.address": .string(device.host), "server.port": .int64(Int64(device.port))]
    }

    func end(_ result: DeviceResult) {
        if self.span.isRecording {
            self.span.updateAttributes { attributes in
                attributes["tether.outcome"] = result.outcome.rawValue
                attributes["tether.attempts"] = result.attempts
                if let session = result.session { attributes["tether.session"] = session.id }
                if let error = result.error { attributes["error.type"] = error.code }
            }
            // "Ok" is for people to set; what went well has no status (OpenTelemetry, Trace API, Set Status).
            if result.outcome != .succeeded {
                self.span.setStatus(SpanStatus(code: .error, message: result.error?.message))
            }
        }
        self.span.end(at: self.clock.time(.now))
    }

    /// It goes on elsewhere, without a result from here.
    func leave(_ reason: String) {
        self.span.addEvent(SpanEvent(name: reason))
        self.span.end(at: self.clock.time(.now))
    }
}

/// Record headers as a carrier of trace context.
struct HeaderCarrier: Extractor, Injector {
    func extract(key: String, from headers: [EchoedHeader]) -> String? {
        headers.last { $0.name == key }?.value.map { String(decoding: $0, as: UTF8.self) }
    }

    func inject(_ value: String, forKey key: String, into headers: inout [EchoedHeader]) {
        headers.append(EchoedHeader(key, Array(value.utf8)))
    }
}

extension [EchoedHeader] {
    /// - Parameter headers: the trace context to go on with; empty for the one that is there.
    mutating func replaceTrace(with headers: [EchoedHeader]) {
        guard !headers.isEmpty else { return }
        self.removeAll { $0.name == HeaderName.traceParent || $0.name == HeaderName.traceState }
        self += headers
    }

    /// The id of the trace that these headers belong to.
    var traceID: String? {
        guard let value = self.last(where: { $0.name == HeaderName.traceParent })?.value, value.count >= 35 else {
            return nil
        }
        let digits = value[3..<35]
        let isHexadecimal = digits.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        return isHexadecimal ? String(decoding: digits, as: UTF8.self) : nil
    }
}

/// Times of spans, which are points in calendar time, from a clock that measures. All times of one task go by one of these, so that a part never
/// begins before the whole.
struct WallClock: Sendable {
    private let wall = DefaultTracerClock.now.nanosecondsSinceEpoch
    private let instant = ContinuousClock.now

    func time(_ instant: ContinuousClock.Instant) -> DefaultTracerClock.Timestamp {
        let (seconds, attoseconds) = self.instant.duration(to: instant).components
        let nanoseconds = Int64(clamping: self.wall) + seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        return .init(nanosecondsSinceEpoch: UInt64(max(0, nanoseconds)))
    }
}
