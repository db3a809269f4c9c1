import Devices
import Hummingbird
import Logging
import NIOCore
import NIOPosix
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
        /// For so long a reader may take nothing of its answer; then its connection is closed.
        package var stallLimit: Duration

        package init(
            address: ListenAddress, statusToken: String? = nil, labelsDevices: Bool = false, version: String = "",
            stallLimit: Duration = .seconds(20)
        ) {
            self.address = address
            self.statusToken = statusToken
            self.labelsDevices = labelsDevices
            self.version = version
            self.stallLimit = stallLimit
        }
    }

    /// Connections at a time; past it, the one goes that has waited for longest.
    static let maximumConnections = 256

    private let configuration: Configuration
    private let source: any OperationsSource
    private let registry: MetricRegistry
    private let loops: LoopWatch?
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
        self.logger = logger
        self.bound = bound
    }

    /// On a thread of its own: what sessions do must not keep a probe waiting, and what a page costs must not keep sessions waiting.
    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let failure: (any Error)?
        do {
            // The tasks of connections as well: with the common pool's threads, they would wait for whatever runs there.
            try await withTaskExecutorPreference(EventLoopTaskExecutor(group.next())) {
                try await self.serve(on: group)
            }
            failure = nil
        } catch {
            failure = error
        }
        try? await group.shutdownGracefully()
        if let failure { throw failure }
    }

    private func serve(on group: MultiThreadedEventLoopGroup) async throws {
        let lanes = LaneReader(self.source, timerLoop: group.next())
        let feed = StatusFeed(
            source: self.source, lanes: lanes, loops: self.loops, version: self.configuration.version)
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: AnswerHeaders())
        router.get("/health/live") { _, _ in
            let report = HealthReport(self.source.status, slowestLoop: self.slowestLoop)
            return Self.answer(report.isLive ? .ok : .serviceUnavailable, "application/json", report.liveJSON)
        }
        router.get("/health/ready") { _, _ in
            let report = await self.report(lanes)
            return Self.answer(report.isReady ? .ok : .serviceUnavailable, "application/json", report.readyJSON)
        }
        let access = StatusAccess(
            token: self.configuration.statusToken.map { Array($0.utf8) },
            isLoopback: self.configuration.address.isLoopback)
        router.get("/metrics") { request, _ in
            guard access.admitsName(of: request) else { return Self.refusal(StatusAccess.otherName) }
            return Self.answer(.ok, PrometheusText.contentType, await self.metrics(lanes, feed))
        }
        self.addStatus(to: router, access, feed)

        let logger = self.logger
        let bound = self.bound
        let connections = Connections(limit: Self.maximumConnections)
        let stallLimit = TimeAmount(self.configuration.stallLimit)
        let application = Application(
            router: router,
            // What waits for a request for a minute is closed.
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionGuard(connections, stallLimit: stallLimit)],
                    idleTimeout: .seconds(60))),
            configuration: .init(
                address: .hostname(self.configuration.address.host, port: self.configuration.address.port),
                serverName: "tether",
                backlog: 256
            ),
            onServerRunning: { channel in
                logger.info(
                    "health checks are served", metadata: ["address": "\(channel.localAddress?.description ?? "")"])
                bound(channel.localAddress?.port ?? 0)
            },
            eventLoopGroupProvider: .shared(group),
            logger: Self.quiet(logger)
        )
        try await application.run()
    }

    // MARK: Answers

    private var slowestLoop: Duration { self.loops?.slowest ?? .zero }

    /// With the lanes, where the answer may depend on them.
    private func report(_ lanes: LaneReader) async -> HealthReport {
        let status = self.source.status
        let report = HealthReport(status, slowestLoop: self.slowestLoop)
        guard report.isStalled else { return report }
        return HealthReport(
            status, lanes: await lanes.lanes().lanes, slowestLoop: self.slowestLoop)
    }

    private func metrics(_ lanes: LaneReader, _ feed: StatusFeed) async -> [UInt8] {
        let lanes = await lanes.lanes().lanes
        let status = self.source.status
        let figures = WorkerFigures(
            status: status,
            lanes: lanes,
            sessions: self.source.sessionCounts,
            sessionLimit: self.source.sessionLimit,
            inventoryCount: self.source.inventoryCount,
            troubles: self.source.troubles,
            statistics: self.source.kafkaStatistics,
            health: HealthReport(status, lanes: lanes, slowestLoop: self.slowestLoop),
            devices: self.configuration.labelsDevices ? self.source.sessions : nil,
            build: BuildVersion(version: self.configuration.version)
        )
        let others =
            figures.families + ProcessFigures.current().families
            + [MetricFamily.gauge("tether_status_clients", feed.clientCount)].compactMap { $0 }
        return PrometheusText.write(self.registry.families(with: others))
    }

    private func addStatus(to router: Router<BasicRequestContext>, _ access: StatusAccess, _ feed: StatusFeed) {
        func guarded(
            _ path: RouterPath, _ answer: @escaping @Sendable (Request) async throws -> Response
        ) {
            router.get(path) { request, _ in
                switch access.answer(to: request) {
                case .granted: return try await answer(request)
                case .closed(let reason): return Self.refusal(reason)
                case .unauthorized:
                    var response = Self.answer(
                        .unauthorized, "text/plain; charset=utf-8",
                        Array("Give the token of --status-token-file: as a bearer token, or as the password.\n".utf8))
                    response.headers[.wwwAuthenticate] = #"Basic realm="tether status", charset="UTF-8""#
                    return response
                }
            }
        }
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
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private static func refusal(_ reason: String) -> Response {
        Self.answer(.forbidden, "text/plain; charset=utf-8", Array("\(reason)\n".utf8))
    }

    /// The web server has a line for each of its own steps; the worker's log is about devices.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
