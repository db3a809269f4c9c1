/// Metrics as text that Prometheus reads: its exposition format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/, "Text-based format").
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package static func write(_ families: [MetricFamily]) -> [UInt8] {
        var text = ""
        text.reserveCapacity(32 * 1024)
        for family in families where !family.samples.isEmpty { self.write(family, to: &text) }
        return Array(text.utf8)
    }

    private static func write(_ family: MetricFamily, to text: inout String) {
        let description = family.description
        text += "# HELP \(description.name) \(self.escaped(description.help, quotes: false))\n"
        text += "# TYPE \(description.name) \(description.kind.rawValue)\n"
        for sample in family.samples {
            let labels = zip(description.labels, sample.labels).map { "\($0)=\"\(self.escaped($1, quotes: true))\"" }
            switch sample.value {
            case .number(let value): self.line(description.name, labels, self.number(value), to: &text)
            case .histogram(let counts, let sum):
                var total = 0
                for (index, bound) in description.buckets.enumerated() {
                    total += counts[index]
                    self.line(
                        "\(description.name)_bucket", labels + ["le=\"\(self.number(bound))\""], String(total),
                        to: &text)
                }
                total += counts.last ?? 0
                self.line("\(description.name)_bucket", labels + ["le=\"+Inf\""], String(total), to: &text)
                self.line("\(description.name)_sum", labels, self.number(sum), to: &text)
                self.line("\(description.name)_count", labels, String(total), to: &text)
            }
        }
    }

    private static func line(_ name: String, _ labels: [String], _ value: String, to text: inout String) {
        text += name
        if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
        text += " \(value)\n"
    }

    /// Backslash and line feed are escaped everywhere, the quotation mark in label values only.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// As Go's `ParseFloat` reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let integer = Int64(exactly: value), abs(integer) < 1 << 53 { return String(integer) }
        return value.description
    }
}
