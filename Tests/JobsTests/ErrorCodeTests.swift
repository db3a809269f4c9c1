import Foundation
import TestSupport
import Testing

@testable import Jobs

@Suite("Error codes")
struct ErrorCodeTests {
    @Test("each code stands in the table once, dotted and in lower case")
    func unique() {
        #expect(Set(ErrorCode.all.map(\.code)).count == ErrorCode.all.count)
        for entry in ErrorCode.all {
            #expect(entry.code.wholeMatch(of: /[a-z]+(\.[a-z_]+)?/) != nil, "\(entry.code)")
            #expect(entry.meaning.hasSuffix("."), "\(entry.code)")
            #expect(ErrorCode(entry.code) == entry)
        }
        #expect(ErrorCode("no.such") == nil)
    }

    @Test("every code that the sources use is in the table")
    func complete() throws {
        let known = Set(ErrorCode.all.map(\.code))
        // A code as an argument, as a raw value, or as the value of a property called `code`.
        let use =
            /(?:\bcode\s*[:=]\s*|\bCode\(\s*(?:rawValue:\s*)?|\bErrorCode\(\s*)"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)"/
        var found = 0
        for file in try Repository.files(in: Repository.sources, suffix: ".swift") {
            let source = try String(contentsOf: file, encoding: .utf8)
            for match in source.matches(of: use) {
                let code = String(match.1)
                // Kafka's own errors end in logs, never in records; a word without a dot is a code only if the table says so.
                guard code.contains("."), !code.hasPrefix("kafka.") else { continue }
                found += 1
                #expect(
                    known.contains(code),
                    "\(file.lastPathComponent) uses \"\(code)\": add it to ErrorCode and to error.schema.json")
            }
        }
        #expect(found > 20, "the search finds too little to mean anything")
    }

    @Test("the schema holds the same table")
    func schema() throws {
        let bytes = [UInt8](try Data(contentsOf: Repository.schemas.appendingPathComponent("error.schema.json")))
        guard case .object(let schema) = try JSONReader.read(bytes),
            case .object(let properties) = schema["properties"],
            case .object(let code) = properties["code"], case .array(let alternatives) = code["anyOf"]
        else { throw Python.Failure(description: "error.schema.json has no table of codes") }
        let table = alternatives.dropLast()
        let expected = ErrorCode.all.map { entry in
            JSONValue.object(
                JSONObject([
                    .init("const", .string(entry.code)), .init("description", .string(entry.meaning)),
                    .init("x-may-have-reached-device", .bool(entry.mayHaveReachedDevice)),
                    .init("x-retriable", .bool(entry.isRetriable)),
                ]))
        }
        #expect(table.count == expected.count)
        for (row, (entry, expected)) in zip(ErrorCode.all, zip(table, expected)) where entry != expected {
            Issue.record("error.schema.json differs from the entry of \(row.code), or has it at another place")
        }
    }

    @Test("the article shows the same table")
    func article() throws {
        let article = try String(
            contentsOf: Repository.sources.appendingPathComponent("Worker/Worker.docc/ErrorCodes.md"), encoding: .utf8)
        let rows = article.components(separatedBy: "\n").filter { $0.hasPrefix("| `") }
        let expected = ErrorCode.all.map { entry in
            let (reached, retriable) = (entry.mayHaveReachedDevice ? "maybe" : "no", entry.isRetriable ? "yes" : "no")
            return "| `\(entry.code)` | \(entry.meaning) | \(reached) | \(retriable) |"
        }
        #expect(rows == expected)
    }

    @Test("an error of the table carries the table's word on retries")
    func description() {
        #expect(
            ErrorDescription(.connectRefused, "m")
                == ErrorDescription(code: "connect.refused", message: "m", retriable: true))
        #expect(ErrorDescription(.authFailed, "m").retriable == false)
    }
}
