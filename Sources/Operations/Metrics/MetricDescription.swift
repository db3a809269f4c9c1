/// What one metric is: name, kind, labels and a sentence of help.
///
/// Names follow Prometheus' conventions ("Metric and label naming"): a prefix for the program, base units at the end, `_total` for what only grows.
package struct MetricDescription: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        case counter, gauge, histogram
    }

    package let name: String
    package let kind: Kind
    package let help: String
    /// Names of its labels, in the order of writing.
    package let labels: [String]
    /// Upper bounds of a histogram's buckets, ascending, without the last one (`+Inf`).
    package let buckets: [Double]

    package init(
        _ name: String, _ kind: Kind, _ help: String, labels: [String] = [], buckets: [Double] = []
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self.buckets = buckets
    }
}
