import Foundation
import Jobs

/// Figures by name, printed as tables while they come, and as one JSON object in the end.
struct Report {
    private var figures: [(name: String, value: Double)] = []
    private let conditions = Conditions()

    /// Notes a figure for the JSON object. Names say the unit; a ratio is ours over the reference's and ends in `ratio`.
    mutating func add(_ name: String, _ value: Double) {
        guard value.isFinite else { return }
        self.figures.append((name, value))
    }

    func value(_ name: String) -> Double? { self.figures.last { $0.name == name }?.value }

    /// Prints a table: the first column to the left, the others to the right.
    static func table(_ title: String, columns: [String], rows: [[String]]) {
        let all = columns.contains { !$0.isEmpty } ? [columns] + rows : rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        print("\n\(title)")
        for row in all {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? "  \(cell)\(padding)" : "  \(padding)\(cell)"
            }
            print(line)
        }
    }

    /// Prints when and where this was, and the JSON object, if it was asked for.
    func finish(_ options: BenchmarkOptions) {
        let conditions = self.conditions.list
        Self.table(
            "Measured", columns: ["", ""],
            rows: conditions.map { [$0.name.replacingOccurrences(of: "_", with: " "), $0.value] })
        guard options.json else { return }
        var text: [UInt8] = []
        JSONWriter.append(to: &text) { writer in
            writer.object {
                for (name, value) in conditions {
                    $0.name(escaping: name)
                    $0.string(value)
                }
                for (name, value) in self.figures {
                    $0.name(escaping: name)
                    // Digits that don't count only make lines long.
                    $0.number(Double(Self.number(value)) ?? value)
                }
            }
        }
        print(String(decoding: text, as: UTF8.self))
    }

    /// Three or four digits that count, without an exponent.
    static func number(_ value: Double) -> String {
        switch abs(value) {
        case 100...: String(format: "%.0f", value)
        case 10..<100: String(format: "%.1f", value)
        case 1..<10: String(format: "%.2f", value)
        default: String(format: "%.3f", value)
        }
    }

    /// Tells what is being done, apart from the results.
    static func progress(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
