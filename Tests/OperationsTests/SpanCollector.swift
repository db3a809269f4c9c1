import Foundation
import Hummingbird
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// A small web server in the place of an OpenTelemetry collector: keeps what it is sent, and answers as it is told to.
final class SpanCollector: Sendable {
    struct Value: Decodable {
        var stringValue: String?
        var intValue: String?
        var doubleValue: Double?
        var boolValue: Bool?
    }
    struct Attribute: Decodable {
        var key: String
        var value: Value
    }
    struct Span: Decodable {
        struct Event: Decodable { var name: String }
        struct Status: Decodable {
            var code: Int?
            var message: String?
        }
        var traceId: String
        var spanId: String
        var parentSpanId: String?
        var traceState: String?
        var name: String
        var kind: Int
        var startTimeUnixNano: String
        var endTimeUnixNano: String
        var attributes: [Attribute]
        var events: [Event]
        var status: Status

        subscript(key: String) -> Value? { self.attributes.first { $0.key == key }?.value }
    }
    private struct Request: Decodable {
        struct Resource: Decodable { var attributes: [Attribute] }
        struct Scope: Decodable { var spans: [Span] }
        struct Resources: Decodable {
            var resource: Resource
            var scopeSpans: [Scope]
        }
        var resourceSpans: [Resources]
    }

    private struct State {
        var port = 0
        var bodies: [Data] = []
        var authorization: [String] = []
        var requestCount = 0
        var answers: [Int] = []
    }

    private let state = NIOLockedValueBox(State())

    var endpoint: String { "http://127.0.0.1:\(self.state.withLockedValue { $0.port })" }
    var requestCount: Int { self.state.withLockedValue { $0.requestCount } }
    var authorization: [String] { self.state.withLockedValue { Array(Set($0.authorization)) } }

    /// Statuses of the next answers; after them, 200.
    func answers(_ statuses: [Int]) { self.state.withLockedValue { $0.answers = statuses } }

    private var requests: [Request] {
        self.state.withLockedValue { $0.bodies }.compactMap { try? JSONDecoder().decode(Request.self, from: $0) }
    }

    /// What was accepted, in the order of arrival.
    var spans: [Span] { self.requests.flatMap { $0.resourceSpans.flatMap { $0.scopeSpans.flatMap(\.spans) } } }

    var resource: [String: String] {
        let attributes = self.requests.first?.resourceSpans.first?.resource.attributes ?? []
        return attributes.reduce(into: [:]) { $0[$1.key] = $1.value.stringValue }
    }

    static func with(_ body: (SpanCollector) async throws -> Void) async throws {
        let collector = SpanCollector()
        let router = Router()
        router.post("/v1/traces") { request, _ in
            let buffer = try await request.body.collect(upTo: 16 << 20)
            let authorization = request.headers[.authorization] ?? ""
            let isJSON = request.headers[.contentType] == "application/json"
            let status = collector.state.withLockedValue { state in
                state.requestCount += 1
                state.authorization.append(authorization)
                let status = !isJSON ? 415 : state.answers.isEmpty ? 200 : state.answers.removeFirst()
                if status == 200 { state.bodies.append(Data(buffer.readableBytesView)) }
                return status
            }
            return Response(
                status: .init(code: status), headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: "{}")))
        }
        try await TestServer.with({ bound in
            Application(
                router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: { bound($0.localAddress?.port ?? 0) },
                logger: Logger(label: "collector") { _ in SwiftLogNoOpLogHandler() })
        }) { port in
            collector.state.withLockedValue { $0.port = port }
            try await body(collector)
        }
    }
}
