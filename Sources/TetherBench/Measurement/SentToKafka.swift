import AsyncHTTPClient
import Foundation

/// Records that a worker's producers have sent, and their bytes: one copy, before compression.
struct SentToKafka {
    var records = 0.0
    var bytes = 0.0

    static func - (end: Self, start: Self) -> Self {
        Self(records: end.records - start.records, bytes: end.bytes - start.bytes)
    }

    static func / (sum: Self, count: Double) -> Self {
        Self(records: sum.records / count, bytes: sum.bytes / count)
    }

    /// Of a worker that serves its metrics there, as librdkafka counts it every ten seconds: waits until the counters stand still.
    static func read(port: Int) async throws -> Self {
        var last = try await self.counters(port)
        while true {
            try await Task.sleep(for: .seconds(11))
            let now = try await self.counters(port)
            if now.records == last.records { return now }
            last = now
        }
    }

    private static func counters(_ port: Int) async throws -> Self {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)/metrics"), timeout: .seconds(10))
        let text = String(buffer: try await response.body.collect(upTo: 16 * 1024 * 1024))
        func sum(_ name: String) throws -> Double {
            let values = text.split(separator: "\n").filter { $0.hasPrefix("\(name){") }
                .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
            guard !values.isEmpty else { throw BenchmarkError("the worker has no metric \(name)") }
            return values.reduce(0, +)
        }
        return Self(
            records: try sum("tether_kafka_messages_sent_total"),
            bytes: try sum("tether_kafka_message_sent_bytes_total"))
    }
}
