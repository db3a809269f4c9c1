import ArgumentParser
import Foundation
import Jobs

/// `TetherBench json`: the codec beside Foundation's `JSONSerialization`, which makes no typed record of what it reads.
struct JSONBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "json", abstract: "Reading and writing records of 1 KB.")

    @OptionGroup var options: BenchmarkOptions

    func run() async throws {
        var report = Report()
        Self.measure(self.options, into: &report)
        report.finish(self.options)
    }

    static func measure(_ options: BenchmarkOptions, into report: inout Report) {
        Report.progress("json")
        let times = options.quick ? 2_000 : 10_000
        var rows: [[String]] = []
        for record in SampleRecord.all {
            let bytes = record.bytes
            var turns: [String: [Double]] = [:]
            for _ in 0..<options.turns {
                turns["decode", default: []].append(Self.microseconds(times) { record.decode(bytes) })
                turns["reference_decode", default: []].append(
                    Self.microseconds(times) { (try? JSONSerialization.jsonObject(with: Data(bytes))) != nil }
                )
                var buffer: [UInt8] = []
                turns["encode", default: []].append(
                    Self.microseconds(times) {
                        buffer.removeAll(keepingCapacity: true)
                        record.encode(&buffer)
                        return !buffer.isEmpty
                    }
                )
                let object = try? JSONSerialization.jsonObject(with: Data(bytes))
                turns["reference_encode", default: []].append(
                    Self.microseconds(times) {
                        object.flatMap { try? JSONSerialization.data(withJSONObject: $0) } != nil
                    }
                )
            }
            var row = ["\(record.name), \(bytes.count) bytes"]
            for action in ["decode", "encode"] {
                let (ours, reference) = (
                    turns[action, default: []].median, turns["reference_\(action)", default: []].median
                )
                report.add("json_\(record.name)_\(action)_cpu_us", ours)
                report.add("json_\(record.name)_\(action)_reference_cpu_us", reference)
                report.add("json_\(record.name)_\(action)_cpu_ratio", ours / reference)
                row += ["\(Report.number(ours)) ×\(Report.number(ours / reference))", Report.number(reference)]
            }
            rows.append(row)
        }
        Report.table(
            "JSON: CPU for one record in µs, and its ratio to JSONSerialization (medians of \(options.turns))",
            columns: ["", "decode", "JSONSerialization", "encode", "JSONSerialization"],
            rows: rows
        )
    }

    private static func microseconds(_ times: Int, _ body: () -> Bool) -> Double {
        for _ in 0..<times / 10 { precondition(body(), "a sample record can't be read or written") }
        let start = ResourceUsage.preciseCPUSeconds
        for _ in 0..<times { precondition(body(), "a sample record can't be read or written") }
        return (ResourceUsage.preciseCPUSeconds - start) / Double(times) * 1e6
    }
}
