/// One metric with its values at a moment.
package struct MetricFamily: Sendable {
    package enum Value: Sendable {
        case number(Double)
        /// `counts`: observations in each of the description's buckets, not added up, with those beyond the last bound at the end.
        case histogram(counts: [Int], sum: Double)
    }

    package struct Sample: Sendable {
        /// Values of the description's labels, in their order.
        package var labels: [String]
        package var value: Value

        package init(_ labels: [String], _ value: Value) {
            self.labels = labels
            self.value = value
        }
    }

    package var description: MetricDescription
    package var samples: [Sample]

    package init(_ description: MetricDescription, _ samples: [Sample]) {
        self.description = description
        self.samples = samples
    }
}
