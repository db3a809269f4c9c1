import Foundation
import Kafka

/// The settings for people and programs to look at.
extension Settings {
    private struct Line {
        var key: String
        var text: String?
        var origin: Origin
        var variable: String?
    }

    /// Settings that somebody has given.
    var givenCount: Int { self.entries.values.count { $0.origin != .default } + self.properties.count }

    private var lines: [Line] {
        let settings = Self.all.map { setting in
            let entry = self.entries[setting.key]
            return Line(
                key: setting.key, text: entry.map { setting.form.isSecret ? Self.redacted : $0.text },
                origin: entry?.origin ?? .default, variable: setting.variable)
        }
        let properties = self.properties.sorted { $0.key < $1.key }.map { name, entry in
            Line(
                key: "\(SettingsFile.propertiesKey).\(name)",
                text: KafkaConfiguration.isSecret(property: name) ? Self.redacted : entry.text, origin: entry.origin)
        }
        return settings + properties
    }

    private static let redacted = "[redacted]"

    /// `key = value`, a line each; with the origin, or the variable that would set it.
    func text(withOrigin: Bool) -> String {
        let lines = self.lines
        // Long values don't push the others' origins out of sight.
        let widths: [Int] = lines.map { line in line.key.count + (line.text ?? "-").count + 3 }
        let width = widths.filter { $0 < 70 }.max() ?? 0
        return lines.map { line in
            let text = "\(line.key) = \(line.text ?? "-")"
            guard withOrigin else { return text + "\n" }
            let origin = line.text == nil ? "not set" : line.origin.description
            let hint = line.origin == .default ? line.variable.map { " ($\($0))" } ?? "" : ""
            let gap = String(repeating: " ", count: max(1, width - text.count + 2))
            return "\(text)\(gap)# \(origin)\(hint)\n"
        }.joined()
    }

    /// One object, by key; with the origin, an object for each.
    func json(withOrigin: Bool) -> String {
        var object: [String: Any] = [:]
        for line in self.lines {
            let value: Any = line.text ?? NSNull()
            let origin = line.text == nil ? "not set" : line.origin.description
            object[line.key] = withOrigin ? ["value": value, "origin": origin] : value
        }
        let data = try? JSONSerialization.data(
            withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data ?? Data(), as: UTF8.self) + "\n"
    }
}
