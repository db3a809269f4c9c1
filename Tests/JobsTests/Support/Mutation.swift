@testable import Jobs

/// Changes that keep a record JSON, but rarely a valid record.
extension SeededGenerator {
    mutating func mutated(_ value: JSONValue) -> JSONValue {
        if self.chance(15) { return self.junk() }
        switch value {
        case .object(var object) where !object.members.isEmpty:
            let index = Int.random(in: 0..<object.members.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: object.members.remove(at: index)
            case 1: object[self.pick(Self.names)] = self.junk()
            default: object.members[index].value = self.mutated(object.members[index].value)
            }
            return .object(object)
        case .array(var values) where !values.isEmpty:
            let index = Int.random(in: 0..<values.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: values.remove(at: index)
            case 1: values.append(self.junk())
            default: values[index] = self.mutated(values[index])
            }
            return .array(values)
        default:
            return self.junk()
        }
    }

    private mutating func junk() -> JSONValue {
        switch Int.random(in: 0..<8, using: &self) {
        case 0: .null
        case 1: .bool(self.chance(50))
        case 2: .integer(self.pick([0, 1, -1, 2, 60, 604_801, .max, .min]))
        case 3: .number(self.pick([0.5, -0.5, 1.0, 0.0001, 1e300, 1e-300]))
        case 4: .string(self.pick(Self.texts))
        case 5: .string(self.text(0...10))
        case 6: .array(self.chance(50) ? [] : [self.junk()])
        default: .object(JSONObject(self.chance(50) ? [] : [.init(self.pick(Self.names), self.junk())]))
        }
    }

    private static let names = [
        "version", "type", "id", "targets", "operation", "commands", "command", "timeout", "reply_to", "stream",
        "deadline", "effect",
        "credential", "platform", "labels", "echo_headers", "password", "mode", "x",
        "answers", "expect", "answer", "fail_when", "ends_session", "name", "lines", "text", "commit", "within",
        "confirm",
        "save", "source", "inline", "file", "url", "sha256", "remote_path", "verify", "remote_file", "destination",
        "against", "ignore", "assertions", "contains", "equals", "steps",
    ]
    private static let texts = [
        "", " ", "run", "probe", "upload", "close", "steps", "backup", "dry_run", "confirm", "inline", "on_success",
        "https://h/f", "read", "change", "10m", "0s", "1m1h", "999h", "1h30m", "1000000000s",
        "2026-11-22T10:00:00Z",
        "2026-02-30T10:00:00Z", "..", "a\nb", "router1", "admin:pw@host", "é", "\u{2028}",
    ]
}

extension JSONValue {
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { $0.value(self) }
        return bytes
    }
}
