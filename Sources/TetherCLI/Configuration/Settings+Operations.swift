import Foundation
import Logging
import Metrics
import NIOCore
import NIOPosix
import Operations
import ServiceLifecycle
import Worker

/// What watches one worker.
struct OperationsParts {
    fileprivate let registry: MetricRegistry
    fileprivate let exporter: OTLPExporter?
    fileprivate let server: OperationsServer.Configuration?
    fileprivate let logger: Logger
    /// What the worker reports to.
    let telemetry: Telemetry

    /// To be started before the worker, and so to be ended after it.
    func services(for worker: TetherWorker) -> [any Service] {
        var services: [any Service] = [FreedMemory()]
        if let exporter { services.append(exporter) }
        if let server {
            let loops = LoopWatch(worker.eventLoops, metrics: self.registry)
            services.append(loops)
            services.append(
                OperationsServer(server, source: worker, registry: self.registry, loops: loops, logger: self.logger))
        }
        return services
    }
}

extension Settings {
    /// How often Kafka's clients count what they do, where somebody can ask for it.
    func statisticsInterval() throws(SettingsError) -> Duration? {
        try self.optional(Self.listen) == nil ? nil : .seconds(10)
    }

    /// The parts that watch a worker, made before it: it reports to them.
    func operations(of worker: String, logger: Logger) throws(SettingsError) -> OperationsParts {
        let registry = MetricRegistry()
        let exporter = try self.exporter(instance: worker).map { OTLPExporter($0, metrics: registry, logger: logger) }
        let server = try self.operationsServer()
        return OperationsParts(
            registry: registry, exporter: exporter, server: server, logger: logger,
            telemetry: Telemetry(
                metrics: server == nil ? NOOPMetricsHandler.instance : registry,
                tracer: exporter.map { exporter in SpanTracer { exporter.take($0) } }))
    }

    /// - Throws: for what a worker would refuse to start with.
    func checkOperations() throws(SettingsError) {
        _ = try self.operationsServer()
        _ = try self.exporter(instance: "")
    }

    /// Before a worker joins its group: one that can't be watched would leave it again at once, and partitions move twice.
    /// - Throws: ``CommandFailure`` when others have the address, or it is not this machine's.
    func checkListen() async throws {
        guard let text = try self.optional(Self.listen), let address = ListenAddress(text) else { return }
        do {
            let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: address.host, port: address.port).get()
            try await channel.close()
        } catch {
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
            throw CommandFailure(
                .usage, "\(self.origin(of: Self.listen)): can't listen on \(address.host):\(address.port): \(reason)")
        }
    }

    private func operationsServer() throws(SettingsError) -> OperationsServer.Configuration? {
        guard let text = try self.optional(Self.listen) else { return nil }
        guard let address = ListenAddress(text) else {
            throw SettingsError("\(self.origin(of: Self.listen)): must be host:port, or a port for this machine only")
        }
        return OperationsServer.Configuration(
            address: address, statusToken: try self.statusToken(),
            labelsDevices: try self.value(Self.metricsDeviceLabels), version: Tether.configuration.version)
    }

    private func statusToken() throws(SettingsError) -> String? {
        guard let path = try self.optional(Self.statusTokenFile) else { return nil }
        guard
            let token = try? String(contentsOfFile: path, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines), !token.isEmpty
        else { throw SettingsError("\(self.origin(of: Self.statusTokenFile)): there is no token in \(path)") }
        return token
    }

    private func exporter(instance: String) throws(SettingsError) -> OTLPExporter.Configuration? {
        let environment = ProcessInfo.processInfo.environment
        let given = try self.optional(Self.otlpEndpoint)
        guard let endpoint = given ?? environment["OTEL_EXPORTER_OTLP_ENDPOINT"], !endpoint.isEmpty else { return nil }
        guard
            let configuration = OTLPExporter.Configuration(
                endpoint: endpoint, headers: Self.exporterHeaders(environment), instance: instance,
                version: Tether.configuration.version)
        else {
            let origin = given == nil ? "$OTEL_EXPORTER_OTLP_ENDPOINT" : "\(self.origin(of: Self.otlpEndpoint))"
            throw SettingsError("\(origin): must be an address such as http://host:4318")
        }
        return configuration
    }

    /// `name=value` pairs with commas between (OTLP exporter configuration, "Specifying headers via environment variables").
    private static func exporterHeaders(_ environment: [String: String]) -> [(String, String)] {
        (environment["OTEL_EXPORTER_OTLP_HEADERS"] ?? "").split(separator: ",").compactMap {
            let parts = $0.split(separator: "=", maxSplits: 1).map {
                $0.trimmingCharacters(in: .whitespaces).removingPercentEncoding ?? ""
            }
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
    }
}
