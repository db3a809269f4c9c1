import Foundation
import Jobs
import Yams

/// A job as it was written: JSON or YAML, from a file or standard input.
struct JobDocument {
    /// As in messages: the path, or `standard input`.
    let name: String
    /// The job's fields. Flags of the command line are written over them.
    var object: JSONObject
    private let text: String

    /// What a text from outside may come to, once its aliases are written out.
    private static let maximumValues = 262_144

    /// - Parameter path: `-` reads standard input.
    /// - Throws: ``Problem``.
    init(path: String) throws {
        let name = path == "-" ? "standard input" : path
        let bytes: [UInt8]
        do {
            bytes = try InputFile.bytes(of: path)
        } catch {
            throw Problem(file: name, message: "can't be read: \(error)")
        }
        try self.init(name: name, bytes: bytes)
    }

    /// YAML if the name says so, or if the text doesn't begin as a JSON object does.
    init(name: String, bytes: [UInt8]) throws(Problem) {
        self.name = name
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(file: name, message: "is not UTF-8 text")
        }
        self.text = text
        let isJSON =
            switch name.split(separator: ".").last?.lowercased() {
            case "json": true
            case "yaml", "yml": false
            default: text.drop(while: { $0.isWhitespace || $0 == "\u{FEFF}" }).first == "{"
            }
        let value = isJSON ? try Self.json(bytes, name) : try Self.yaml(text, name)
        guard case .object(let object) = value else {
            throw Problem(file: name, line: 1, message: "expected an object with \"targets\" and \"operation\"")
        }
        self.object = object
    }

    /// The job, held to the contract.
    func job() throws(Problem) -> Job {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { $0.value(.object(self.object)) }
        do {
            return try Job(decoding: bytes)
        } catch {
            let (path, _) = FieldPath.split(error.message)
            throw Problem(
                file: self.name, line: path.flatMap { self.line(of: $0) }, code: error.code, message: error.message)
        }
    }

    /// The line, counted from 1, on which a field stands; if there is no such field, that of what should hold it. `nil` for the document itself.
    func line(of path: FieldPath) -> Int? {
        guard var node = try? Yams.compose(yaml: self.text) else { return nil }
        var line: Int?
        for part in path.parts {
            switch (part, node) {
            case (.name(let name), .mapping(let mapping)):
                guard let (key, value) = mapping.first(where: { $0.key.scalar?.string == name }) else { return line }
                line = key.mark?.line ?? line
                node = value
            case (.index(let index), .sequence(let sequence)):
                guard index < sequence.count else { return line }
                node = sequence[index]
                line = node.mark?.line ?? line
            default: return line
            }
        }
        return line
    }

    // MARK: Reading

    private static func json(_ bytes: [UInt8], _ name: String) throws(Problem) -> JSONValue {
        do {
            return try JSONReader.read(bytes)
        } catch {
            let before = bytes.prefix(error.offset)
            let line = before.count { $0 == UInt8(ascii: "\n") } + 1
            let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
            throw Problem(
                file: name, line: line, code: "job.undecodable", message: "column \(column): \(error.problem)")
        }
    }

    private static func yaml(_ text: String, _ name: String) throws(Problem) -> JSONValue {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw Self.problem(error, name)
        }
        guard let node else { throw Problem(file: name, message: "is empty") }
        var room = Self.maximumValues
        return try Self.value(node, name, room: &room, depth: 0)
    }

    private static func value(_ node: Node, _ name: String, room: inout Int, depth: Int) throws(Problem) -> JSONValue {
        room -= 1
        guard room > 0, depth < 64 else {
            throw Problem(file: name, line: node.mark?.line, message: "holds too much, or is nested too deeply")
        }
        switch node {
        case .scalar(let scalar): return Self.value(scalar)
        case .sequence(let sequence):
            var values: [JSONValue] = []
            for item in sequence { values.append(try Self.value(item, name, room: &room, depth: depth + 1)) }
            return .array(values)
        case .mapping(let mapping):
            var object = JSONObject()
            for (key, value) in mapping {
                guard let scalar = key.scalar else {
                    throw Problem(file: name, line: key.mark?.line, message: "a key must be plain text")
                }
                object.members.append(
                    .init(scalar.string, try Self.value(value, name, room: &room, depth: depth + 1)))
            }
            return .object(object)
        case .alias: throw Problem(file: name, line: node.mark?.line, message: "an alias stands for nothing")
        }
    }

    /// The core schema (YAML 1.2.2 section 10.3): `no` and `on` are text, because they are words of commands.
    private static func value(_ scalar: Node.Scalar) -> JSONValue {
        let text = scalar.string
        guard scalar.style == .plain || scalar.style == .any else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        let isNumeric = text.utf8.first.map { (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E].contains($0) } ?? false
        guard isNumeric, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else {
            return .string(text)
        }
        if let integer = Int64(text) { return .integer(integer) }
        return Double(text).map { .number($0) } ?? .string(text)
    }

    private static func problem(_ error: any Error, _ name: String) -> Problem {
        switch error {
        case let error as YamlError:
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                return Problem(
                    file: name, line: mark.line, code: "job.undecodable", message: "column \(mark.column): \(problem)")
            case .duplicatedKeysInMapping(let duplicates, _):
                return Problem(
                    file: name, code: "job.undecodable",
                    message: "a mapping has this key twice: \(duplicates.joined(separator: ", "))")
            default: return Problem(file: name, code: "job.undecodable", message: "is no YAML: \(error)")
            }
        default: return Problem(file: name, code: "job.undecodable", message: "is no YAML: \(error)")
        }
    }
}
