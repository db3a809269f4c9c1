import Jobs
import Tracing

/// Spans as the body of an OTLP/HTTP request in JSON: `ExportTraceServiceRequest` of opentelemetry-proto, in the mapping of protocol buffers to JSON with the
/// changes that OTLP makes to it (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal digits, enumerations as numbers,
/// names in lowerCamelCase, 64-bit integers as strings.
enum OTLPJSON {
    static func request(_ spans: [FinishedSpan], resource: [(name: String, value: String)], version: String) -> [UInt8]
    {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { writer in
            writer.object { writer in
                writer.name("resourceSpans")
                writer.array([spans]) { writer, spans in
                    writer.object { writer in
                        writer.name("resource")
                        writer.object { writer in
                            writer.name("attributes")
                            writer.array(resource) { self.attribute($1.name, .string($1.value), &$0) }
                        }
                        writer.name("scopeSpans")
                        writer.array([spans]) { writer, spans in
                            writer.object { writer in
                                writer.name("scope")
                                writer.object { writer in
                                    writer.field("name", "tether")
                                    writer.field("version", version)
                                }
                                writer.name("spans")
                                writer.array(spans) { self.span($1, &$0) }
                            }
                        }
                    }
                }
            }
        }
        return bytes
    }

    private static func span(_ span: FinishedSpan, _ writer: inout JSONWriter) {
        writer.object { writer in
            self.identity(span.context, &writer)
            if let parentID = span.parentID {
                writer.field("parentSpanId", Hexadecimal.text(parentID))
            }
            // W3C trace flags in the lowest byte (trace.proto, Span.flags).
            writer.field("flags", span.context.isSampled ? 1 : 0)
            writer.field("name", span.name)
            writer.field("kind", self.number(span.kind))
            writer.field("startTimeUnixNano", String(span.start))
            writer.field("endTimeUnixNano", String(span.end))
            self.attributes(span.attributes, &writer)
            writer.name("events")
            writer.array(span.events) { writer, event in
                writer.object { writer in
                    writer.field("timeUnixNano", String(event.time))
                    writer.field("name", event.name)
                    self.attributes(event.attributes, &writer)
                }
            }
            writer.name("links")
            writer.array(span.links) { writer, link in
                writer.object { self.identity(link, &$0) }
            }
            writer.name("status")
            writer.object { writer in
                guard let status = span.status else { return }
                writer.field("code", status.code == .ok ? 1 : 2)
                if let message = status.message {
                    writer.field("message", message)
                }
            }
        }
    }

    private static func identity(_ context: TraceContext, _ writer: inout JSONWriter) {
        writer.field("traceId", Hexadecimal.text(context.traceID))
        writer.field("spanId", Hexadecimal.text(context.spanID))
        if let state = context.state {
            writer.field("traceState", state)
        }
    }

    /// `SpanKind` of trace.proto.
    private static func number(_ kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func attributes(_ attributes: SpanAttributes, _ writer: inout JSONWriter) {
        var all: [(String, SpanAttribute)] = []
        attributes.forEach { all.append(($0, $1)) }
        writer.name("attributes")
        writer.array(all.sorted { $0.0 < $1.0 }) { self.attribute($1.0, $1.1, &$0) }
    }

    private static func attribute(_ name: String, _ value: SpanAttribute, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("key", name)
            writer.name("value")
            self.value(value, &writer)
        }
    }

    /// `AnyValue` of common.proto.
    private static func value(_ value: SpanAttribute, _ writer: inout JSONWriter) {
        writer.object { writer in
            switch value {
            case .int32(let number):
                writer.field("intValue", String(number))
            case .int64(let number):
                writer.field("intValue", String(number))
            case .double(let number) where number.isFinite:
                writer.name("doubleValue")
                writer.number(number)
            case .bool(let truth):
                writer.field("boolValue", bool: truth)
            case .int32Array(let values): self.array(values.map { .int32($0) }, &writer)
            case .int64Array(let values): self.array(values.map { .int64($0) }, &writer)
            case .doubleArray(let values): self.array(values.map { .double($0) }, &writer)
            case .boolArray(let values): self.array(values.map { .bool($0) }, &writer)
            case .stringArray(let values): self.array(values.map { .string($0) }, &writer)
            case .stringConvertibleArray(let values): self.array(values.map { .string("\($0)") }, &writer)
            case .string(let text):
                writer.field("stringValue", text)
            case .stringConvertible(let value):
                writer.field("stringValue", "\(value)")
            default:
                writer.field("stringValue", "\(value)")
            }
        }
    }

    private static func array(_ values: [SpanAttribute], _ writer: inout JSONWriter) {
        writer.name("arrayValue")
        writer.object { writer in
            writer.name("values")
            writer.array(values) { self.value($1, &$0) }
        }
    }
}
