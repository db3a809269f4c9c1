import Metrics
import Tracing

/// What a worker's parts tell those who operate it: figures, spans, and the failures of the last time.
package struct Telemetry: Sendable {
    let metrics: WorkerMetrics
    /// `nil`: nothing is traced, and trace headers are passed on as they came.
    let tracing: JobTracing?
    let failures = RecentFailures()
    let troubles = DeviceTroubles()

    /// - Parameters:
    ///   - metrics: who counts; by default, whoever the process has set up.
    ///   - tracer: who records spans; `nil` for nobody.
    package init(metrics: any MetricsFactory = MetricsSystem.factory, tracer: (any Tracer)? = nil) {
        self.metrics = WorkerMetrics(metrics)
        self.tracing = tracer.map { JobTracing(tracer: $0) }
    }
}
