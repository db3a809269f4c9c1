import AsyncHTTPClient
import Foundation
import Logging
import Metrics
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Sends spans to an OpenTelemetry collector by OTLP over HTTP, in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
///
/// Never holds up the work: spans wait in a bounded queue, go out in batches, and are dropped and counted when the collector is slow or away for long. Run it in
/// a `ServiceGroup`, before the worker, so that it ends after it. Safe to use from any thread.
package final class OTLPExporter: Service {
    package struct Configuration: Sendable {
        /// The whole address, path included.
        package var endpoint: String
        /// Sent with each request; may hold secrets.
        package var headers: [(String, String)]
        package var serviceName: String
        /// Unique among the workers.
        package var instance: String
        package var version: String
        /// How long spans wait for others, at most.
        package var interval: Duration
        package var timeout: Duration

        /// - Parameter endpoint: `http` or `https`; without a path, the signal's own is added (`/v1/traces`). `nil` for anything else.
        package init?(
            endpoint: String, headers: [(String, String)] = [], serviceName: String = "tether", instance: String,
            version: String = "", interval: Duration = .seconds(5), timeout: Duration = .seconds(10)
        ) {
            guard var url = URLComponents(string: endpoint), url.scheme == "http" || url.scheme == "https",
                url.host?.isEmpty == false
            else { return nil }
            if url.path.isEmpty || url.path == "/" { url.path = "/v1/traces" }
            guard let whole = url.string else { return nil }
            self.endpoint = whole
            self.headers = headers
            self.serviceName = serviceName
            self.instance = instance
            self.version = version
            self.interval = interval
            self.timeout = timeout
        }
    }

    /// Attempts to send one batch.
    private static let attempts = 3
    /// How long a request may take when the process ends, and nothing waits but the process.
    private static let lastTimeout = Duration.seconds(5)

    private let configuration: Configuration
    private let logger: Logger
    private let queue = NIOLockedValueBox(SpanQueue())
    private let isEnding = NIOLockedValueBox(false)
    private let exported: Counter
    private let dropped: Counter
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    package init(_ configuration: Configuration, metrics: any MetricsFactory, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        self.exported = Counter(label: "tether_spans_exported_total", factory: metrics)
        self.dropped = Counter(label: "tether_spans_dropped_total", factory: metrics)
        (self.signals, self.signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes a span; never blocks.
    package func take(_ span: FinishedSpan) {
        let (isFull, isDropped) = self.queue.withLockedValue { queue in
            let before = queue.dropped
            return (queue.append(span), queue.dropped > before)
        }
        if isDropped { self.dropped.increment() }
        if isFull { self.signal.yield() }
    }

    package func run() async throws {
        let client = HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            configuration: HTTPClient.Configuration(redirectConfiguration: .disallow))
        await withTaskGroup { tasks in
            tasks.addTask {
                // The clock: what waits goes out, be it a full batch or not.
                while !Task.isCancelled {
                    try? await Task.sleep(for: self.configuration.interval)
                    self.signal.yield()
                }
            }
            tasks.addTask {
                await withGracefulShutdownHandler {
                    // In a task of its own: a batch that is on its way isn't to be cut off.
                    for await _ in self.signals { await Task { await self.send(through: client) }.value }
                } onGracefulShutdown: {
                    self.isEnding.withLockedValue { $0 = true }
                    self.signal.finish()
                }
            }
            await tasks.next()
            tasks.cancelAll()
        }
        self.isEnding.withLockedValue { $0 = true }
        // What ended last; in a task of its own, since this one may be cancelled.
        await Task { await self.send(through: client) }.value
        try? await client.shutdown()
    }

    private func send(through client: HTTPClient) async {
        while true {
            let batch = self.queue.withLockedValue { $0.take() }
            guard !batch.isEmpty else { return }
            if let problem = await self.send(batch, through: client) {
                self.dropped.increment(by: batch.count)
                self.logger.warning(
                    "spans are dropped: the collector didn't take them",
                    metadata: ["spans": "\(batch.count)", "reason": "\(problem)"])
                // The others have no better chance now.
                return
            }
            self.exported.increment(by: batch.count)
        }
    }

    /// - Returns: why the batch was not taken.
    private func send(_ batch: [FinishedSpan], through client: HTTPClient) async -> String? {
        var request = HTTPClientRequest(url: self.configuration.endpoint)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: "tether/\(self.configuration.version)")
        for (name, value) in self.configuration.headers { request.headers.add(name: name, value: value) }
        let body = OTLPJSON.request(
            batch,
            resource: [
                ("service.name", self.configuration.serviceName),
                ("service.instance.id", self.configuration.instance),
                ("service.version", self.configuration.version),
            ],
            version: self.configuration.version)
        request.body = .bytes(ByteBuffer(bytes: body))
        var problem = "no attempt was made"
        for attempt in 1...Self.attempts {
            do {
                let isLast = self.isEnding.withLockedValue { $0 }
                let timeout = isLast ? min(self.configuration.timeout, Self.lastTimeout) : self.configuration.timeout
                let response = try await client.execute(request, timeout: TimeAmount(timeout))
                // Read, so that the connection can be used again; an answer of success has a few bytes.
                _ = try? await response.body.collect(upTo: 64 * 1024)
                if (200..<300).contains(response.status.code) { return nil }
                problem = "it answered \(response.status.code)"
                // Only these are passing (OTLP/HTTP, Retryable Response Codes).
                guard [429, 502, 503, 504].contains(response.status.code) else { return problem }
            } catch {
                problem = (error as? HTTPClientError).map { "\($0)" } ?? "the connection failed (\(type(of: error)))"
            }
            guard attempt < Self.attempts, !self.isEnding.withLockedValue({ $0 }) else { break }
            try? await Task.sleep(for: .seconds(1 << (attempt - 1)) * Double.random(in: 0.5...1))
        }
        return problem
    }
}
