import Foundation
import TestSupport
import Testing

@testable import Jobs

@Suite("The AsyncAPI document", .timeLimit(.minutes(1)))
struct AsyncAPITests {
    @Test("it is YAML, and each of its references leads to something")
    func references() async throws {
        let output = try await Python.run(Self.script, input: Data(), arguments: [Repository.schemas.path])
        let report = try JSONDecoder().decode(Report.self, from: output)
        #expect(report.version == "3.0.0")
        #expect(report.broken.isEmpty, "\(report.broken)")
        #expect(report.unused.isEmpty, "no message refers to \(report.unused)")
        #expect(report.references > 20)
    }

    @Test("it and its schemas describe every header that the code knows")
    func headers() throws {
        let texts =
            try Repository.files(in: Repository.schemas, suffix: "headers.schema.json") + [
                Repository.schemas.appendingPathComponent("dead-letter.schema.json")
            ]
        let described = try texts.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
        let names =
            HeaderName.alwaysEchoed + [
                HeaderName.type, HeaderName.deadLetterCode, HeaderName.deadLetterMessage, HeaderName.deadLetterTopic,
                HeaderName.deadLetterPartition,
                HeaderName.deadLetterOffset, HeaderName.deadLetterTimestamp,
            ]
        for name in names { #expect(described.contains("\"\(name)\": {"), "\(name)") }
    }

    private struct Report: Decodable {
        var version: String
        var references: Int
        var broken: [String]
        var unused: [String]
    }

    private static let script = #"""
        import json, pathlib, sys
        import yaml

        folder = pathlib.Path(sys.argv[1])
        documents, seen, broken = {}, set(), []

        def document(name):
            if name not in documents:
                text = (folder / name).read_text()
                documents[name] = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
            return documents[name]

        def resolve(name, pointer):
            value = document(name)
            for part in pointer.lstrip("/").split("/") if pointer else []:
                part = part.replace("~1", "/").replace("~0", "~")
                value = value[int(part)] if isinstance(value, list) else value[part]
            return value

        def walk(name, value):
            if isinstance(value, dict):
                reference = value.get("$ref")
                if isinstance(reference, str):
                    follow(name, reference)
                for child in value.values():
                    walk(name, child)
            elif isinstance(value, list):
                for child in value:
                    walk(name, child)

        def follow(name, reference):
            target, _, pointer = reference.partition("#")
            target = target or name
            if (name, reference) in seen:
                return
            seen.add((name, reference))
            try:
                resolve(target, pointer)
            except Exception as error:
                broken.append(f"{name}: {reference}: {error!r}")
                return
            if target != name:
                walk(target, document(target))

        walk("asyncapi.yaml", document("asyncapi.yaml"))
        unused = sorted({path.name for path in folder.glob("*.schema.json")} - set(documents))
        json.dump({"version": document("asyncapi.yaml")["asyncapi"], "references": len(seen), "broken": broken, "unused": unused}, sys.stdout)
        """#
}
