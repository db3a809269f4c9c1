import Jobs
import Logging

/// One event of the log as one line. Whatever a device, a user or a broker has put into it, it stays one line, and can't be taken for another.
package enum LogLine {
    /// `2026-11-22T10:00:00.250Z info tether.worker: device=router1 job=j1 task ended`, with what isn't plain in quotation marks and escaped.
    package static func text(
        _ event: LogEvent, metadata: Logger.Metadata, label: String, milliseconds: Int64
    ) -> [UInt8] {
        var line = "\(Timestamp.text(milliseconds)) \(event.level.rawValue) \(label):"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += " \(self.plain(key))=\(self.value("\(value)"))"
        }
        line += " \(self.escaped("\(event.message)", quotes: false))\n"
        return Array(line.utf8)
    }

    /// One JSON object: `time`, `level`, `logger`, `message`, then the metadata by their own names.
    package static func json(
        _ event: LogEvent, metadata: Logger.Metadata, label: String, milliseconds: Int64
    ) -> [UInt8] {
        var line: [UInt8] = []
        JSONWriter.append(to: &line) { writer in
            writer.object { writer in
                writer.field("time", Timestamp.text(milliseconds))
                writer.field("level", event.level.rawValue)
                writer.field("logger", label)
                writer.field("message", "\(event.message)")
                for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
                    writer.name(escaping: self.reserved.contains(key) ? "\(key)_" : key)
                    self.write(value, &writer)
                }
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static let reserved: Set<String> = ["time", "level", "logger", "message"]

    private static func write(_ value: Logger.MetadataValue, _ writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.string(text)
        case .stringConvertible(let value): writer.string("\(value)")
        case .array(let values): writer.array(values) { self.write($1, &$0) }
        case .dictionary(let values):
            writer.object { writer in
                for (key, value) in values.sorted(by: { $0.key < $1.key }) {
                    writer.name(escaping: key)
                    self.write(value, &writer)
                }
            }
        }
    }

    private static func value(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { scalar in
                scalar != " " && scalar != "\"" && scalar != "=" && scalar != "\\" && !Self.isControl(scalar)
            }
        return isPlain ? text : "\"\(self.escaped(text, quotes: true))\""
    }

    private static func plain(_ key: String) -> String {
        self.escaped(key, quotes: true).replacing(" ", with: "_").replacing("=", with: "_")
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.unicodeScalars.contains(where: { self.isControl($0) || $0 == "\\" || (quotes && $0 == "\"") }) else {
            return text
        }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case "\t": escaped += "\\t"
            case "\\": escaped += "\\\\"
            case "\"" where quotes: escaped += "\\\""
            case _ where self.isControl(scalar): escaped += "\\u{\(String(scalar.value, radix: 16))}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// What ends a line, moves a terminal's cursor, or turns the direction of writing.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
