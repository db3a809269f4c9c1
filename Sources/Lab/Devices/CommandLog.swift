import Glibc
import NIOConcurrencyHelpers

/// A file with one JSON line for each command executed on any device of a farm.
final class CommandLog: Sendable {
    private let file: NIOLockedValueBox<Int32>

    init(path: String) throws(LabError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw LabError("can't write the command log \(path): \(String(cString: strerror(errno)))")
        }
        file = NIOLockedValueBox(descriptor)
    }

    deinit { file.withLockedValue { _ = close($0) } }

    func append(_ record: CommandRecord, device: String) {
        var line = "{\"at\":\(record.at.seconds),\"device\":"
        line.appendJSON(device)
        line += ",\"session\":\(record.session),\"client_port\":\(record.clientPort),\"user\":"
        line.appendJSON(record.user)
        line += ",\"command\":"
        line.appendJSON(record.command)
        line += "}\n"
        // One write for each line: O_APPEND keeps lines whole even when several processes share the file.
        let bytes = Array(line.utf8)
        file.withLockedValue { descriptor in _ = write(descriptor, bytes, bytes.count) }
    }
}

extension String {
    /// Appends `text` as a JSON string.
    mutating func appendJSON(_ text: String) {
        self += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": self += "\\\""
            case "\\": self += "\\\\"
            case "\n": self += "\\n"
            case "\r": self += "\\r"
            case "\t": self += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                self += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: unicodeScalars.append(scalar)
            }
        }
        self += "\""
    }
}
