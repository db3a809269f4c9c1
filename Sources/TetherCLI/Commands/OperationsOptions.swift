import ArgumentParser
import Foundation
import Logging
import Metrics
import Operations
import ServiceLifecycle
import Worker

/// How a worker is watched: health, metrics, status page, traces.
struct OperationsOptions: ParsableArguments {
    @Option(
        name: [.customLong("listen"), .customLong("health")],
        help: ArgumentHelp(
            "Serve /health/live, /health/ready, /metrics and the page /status here. A port alone: for this machine only.",
            valueName: "host:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "File with the token that /status asks for, as a bearer token or as a password. Needed where others can reach the page.",
            valueName: "path"))
    var statusTokenFile: String?

    @Flag(help: "Give each device metrics of its own. With thousands of devices that is much for Prometheus to keep.")
    var metricsDeviceLabels = false

    @Option(
        help: ArgumentHelp(
            "Send traces to this OpenTelemetry collector (OTLP over HTTP, in JSON), as http://host:4318. Default: $OTEL_EXPORTER_OTLP_ENDPOINT. Headers for it: $OTEL_EXPORTER_OTLP_HEADERS.",
            valueName: "url"))
    var otlpEndpoint: String?

    func validate() throws {
        if let listen, ListenAddress(listen) == nil {
            throw ValidationError("Expected host:port or a port for --listen, found \(listen).")
        }
        if self.endpoint != nil, try self.exporterConfiguration(instance: "") == nil {
            throw ValidationError("Expected an address as http://host:4318 for --otlp-endpoint.")
        }
        _ = try self.statusToken()
    }

    /// How often Kafka's clients count what they do, where somebody can ask for it.
    var statisticsInterval: Duration? { self.listen == nil ? nil : .seconds(10) }

    /// The parts that watch a worker, made before it: it reports to them.
    func parts(name: String, logger: Logger) throws -> OperationsParts {
        let registry = MetricRegistry()
        let exporter = try self.exporterConfiguration(instance: name).map {
            OTLPExporter($0, metrics: registry, logger: logger)
        }
        let telemetry = Telemetry(
            metrics: self.listen == nil ? NOOPMetricsHandler.instance : registry,
            tracer: exporter.map { exporter in SpanTracer { exporter.take($0) } })
        return OperationsParts(
            options: self, registry: registry, exporter: exporter, telemetry: telemetry, logger: logger)
    }

    private var endpoint: String? {
        self.otlpEndpoint
            ?? ProcessInfo.processInfo.environment["OTEL_EXPORTER_OTLP_ENDPOINT"].flatMap {
                $0.isEmpty ? nil : $0
            }
    }

    private func exporterConfiguration(instance: String) throws -> OTLPExporter.Configuration? {
        guard let endpoint else { return nil }
        return OTLPExporter.Configuration(
            endpoint: endpoint, headers: Self.headers, instance: instance, version: Tether.configuration.version)
    }

    /// `name=value` pairs with commas between (OTLP exporter configuration, "Specifying headers via environment variables").
    private static var headers: [(String, String)] {
        (ProcessInfo.processInfo.environment["OTEL_EXPORTER_OTLP_HEADERS"] ?? "").split(separator: ",").compactMap {
            let parts = $0.split(separator: "=", maxSplits: 1).map {
                $0.trimmingCharacters(in: .whitespaces).removingPercentEncoding ?? ""
            }
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
    }

    fileprivate func statusToken() throws -> String? {
        guard let statusTokenFile else { return nil }
        guard
            let token = try? String(contentsOfFile: statusTokenFile, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines), !token.isEmpty
        else { throw ValidationError("There is no token in \(statusTokenFile) (--status-token-file).") }
        return token
    }
}

/// What watches one worker.
struct OperationsParts {
    fileprivate let options: OperationsOptions
    fileprivate let registry: MetricRegistry
    fileprivate let exporter: OTLPExporter?
    /// What the worker reports to.
    let telemetry: Telemetry
    fileprivate let logger: Logger

    /// To be started before the worker, and so to be ended after it.
    func services(for worker: TetherWorker) throws -> [any Service] {
        var services: [any Service] = []
        if let exporter { services.append(exporter) }
        if let address = self.options.listen.flatMap({ ListenAddress($0) }) {
            let loops = LoopWatch(worker.eventLoops, metrics: self.registry)
            let configuration = OperationsServer.Configuration(
                address: address, statusToken: try self.options.statusToken(),
                labelsDevices: self.options.metricsDeviceLabels, version: Tether.configuration.version)
            services.append(loops)
            services.append(
                OperationsServer(
                    configuration, source: worker, registry: self.registry, loops: loops, logger: self.logger))
        }
        return services
    }
}
