import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Worker

/// Serves health checks, metrics and the status page of a worker over HTTP.
///
/// Health and metrics are open to whoever can reach the address; the status page is this machine's, or asks for a token.
package struct OperationsServer: Service {
    package struct Configuration: Sendable {
        package var address: ListenAddress
        /// What the status page asks for; `nil`: it is served to this machine alone.
        package var statusToken: String?
        /// Metrics have series of their own for each device.
        package var labelsDevices: Bool
        package var version: String

        package init(
            address: ListenAddress, statusToken: String? = nil, labelsDevices: Bool = false, version: String = ""
        ) {
            self.address = address
            self.statusToken = statusToken
            self.labelsDevices = labelsDevices
            self.version = version
        }
    }

    /// Connections at a time; past it, new ones wait.
    private static let maximumConnections = 256

    private let configuration: Configuration
    private let source: any OperationsSource
    private let registry: MetricRegistry
    private let loops: LoopWatch?
    private let feed: StatusFeed
    private let logger: Logger
    private let bound: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - loops: what tells whether event loops turn. Run it as well.
    ///   - bound: called with the port once it listens.
    package init(
        _ configuration: Configuration, source: any OperationsSource, registry: MetricRegistry,
        loops: LoopWatch? = nil, logger: Logger, bound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.source = source
        self.registry = registry
        self.loops = loops
        self.feed = StatusFeed(source: source, version: configuration.version)
        self.logger = logger
        self.bound = bound
    }

    package func run() async throws {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.get("/health/live") { _, _ in
            let report = HealthReport(self.source.status, slowestLoop: self.loops?.slowest ?? .zero)
            return Self.answer(report.isLive ? .ok : .serviceUnavailable, "application/json", report.liveJSON)
        }
        router.get("/health/ready") { _, _ in
            let report = await self.report()
            return Self.answer(report.isReady ? .ok : .serviceUnavailable, "application/json", report.readyJSON)
        }
        router.get("/metrics") { _, _ in
            Self.answer(.ok, PrometheusText.contentType, await self.metrics())
        }
        self.addStatus(to: router)

        let logger = self.logger
        let bound = self.bound
        let application = Application(
            router: router,
            // What waits for a request for a minute is closed.
            server: .http1(configuration: .init(idleTimeout: .seconds(60))),
            configuration: .init(
                address: .hostname(self.configuration.address.host, port: self.configuration.address.port),
                serverName: "tether",
                backlog: 64,
                availableConnectionsDelegate: .maximum(Self.maximumConnections, logger: logger)
            ),
            onServerRunning: { channel in
                logger.info(
                    "health checks are served", metadata: ["address": "\(channel.localAddress?.description ?? "")"])
                bound(channel.localAddress?.port ?? 0)
            },
            logger: Self.quiet(logger)
        )
        try await application.run()
    }

    // MARK: Answers

    /// With the lanes, where the answer may depend on them: that asks every event loop, which must not be done while one of them is stuck.
    private func report() async -> HealthReport {
        let status = self.source.status
        let report = HealthReport(status)
        guard report.isStalled, (self.loops?.slowest ?? .zero) < .seconds(2) else { return report }
        return HealthReport(status, lanes: await self.source.lanes())
    }

    private func metrics() async -> [UInt8] {
        let lanes = (self.loops?.slowest ?? .zero) < .seconds(2) ? await self.source.lanes() : []
        let status = self.source.status
        let figures = WorkerFigures(
            status: status,
            lanes: lanes,
            sessions: self.source.sessionCounts,
            sessionLimit: self.source.sessionLimit,
            inventoryCount: self.source.inventoryCount,
            statistics: self.source.kafkaStatistics,
            health: HealthReport(status, lanes: lanes),
            devices: self.configuration.labelsDevices ? self.source.sessions : nil,
            build: BuildVersion(version: self.configuration.version)
        )
        let others =
            figures.families + ProcessFigures.current().families
            + [MetricFamily.gauge("tether_status_clients", self.feed.clientCount)].compactMap { $0 }
        return PrometheusText.write(self.registry.families(with: others))
    }

    private func addStatus(to router: Router<BasicRequestContext>) {
        let access = StatusAccess(
            token: self.configuration.statusToken.map { Array($0.utf8) },
            isLoopback: self.configuration.address.isLoopback)
        func guarded(
            _ path: RouterPath, _ answer: @escaping @Sendable (Request) async throws -> Response
        ) {
            router.get(path) { request, _ in
                switch access.answer(to: request) {
                case .granted: return try await answer(request)
                case .closed(let reason):
                    return Self.answer(.forbidden, "text/plain; charset=utf-8", Array("\(reason)\n".utf8))
                case .unauthorized:
                    var response = Self.answer(
                        .unauthorized, "text/plain; charset=utf-8",
                        Array("Give the token of --status-token-file: as a bearer token, or as the password.\n".utf8))
                    response.headers[.wwwAuthenticate] = #"Basic realm="tether status", charset="UTF-8""#
                    return response
                }
            }
        }
        let feed = self.feed
        router.get("/") { _, _ in Response.redirect(to: "/status") }
        guarded("/status") { request in
            let snapshot = await feed.snapshot()
            let page = StatusPage(snapshot, StatusQuery(request.uri.queryParameters.map { ($0.key, $0.value) }))
            return Self.answer(.ok, "text/html; charset=utf-8", Array(page.html.utf8))
        }
        guarded("/status/events") { request in
            feed.events(for: StatusQuery(request.uri.queryParameters.map { ($0.key, $0.value) }))
                ?? Self.answer(
                    .serviceUnavailable, "text/plain; charset=utf-8",
                    Array("Too many browsers follow this page; it is still there to be reloaded.\n".utf8))
        }
        guarded("/status/status.css") { _ in
            Self.answer(.ok, "text/css; charset=utf-8", PackageResources.status_css)
        }
        guarded("/status/status.js") { _ in
            Self.answer(.ok, "text/javascript; charset=utf-8", PackageResources.status_js)
        }
    }

    static func answer(_ status: HTTPResponse.Status, _ type: String, _ body: [UInt8]) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.contentSecurityPolicy] = Self.policy
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// Everything comes from here, nothing stands in the page itself, and nobody may frame it (Content Security Policy Level 3).
    static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    /// The web server has a line for each of its own steps; the worker's log is about devices.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
