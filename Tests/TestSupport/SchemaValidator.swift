import Foundation

/// Validates records with Python's jsonschema (Draft 2020-12, formats checked).
package enum SchemaValidator {
    package struct Instance: Encodable {
        package var schema: String
        /// The record as text: Python's own parser reads it.
        package var record: String

        package init(_ schema: String, _ record: [UInt8]) {
            self.schema = "\(schema).schema.json"
            self.record = String(decoding: record, as: UTF8.self)
        }
    }

    /// What the schema says against each instance; an empty list for a valid one.
    package static func problems(in instances: [Instance]) async throws -> [[String]] {
        let output = try await Python.run(
            self.script, input: JSONEncoder().encode(instances), arguments: [Repository.schemas.path])
        let problems = try JSONDecoder().decode([[String]].self, from: output)
        guard problems.count == instances.count else {
            throw Python.Failure(description: "the validator answered \(problems.count) times")
        }
        return problems
    }

    private static let script = #"""
        import json, pathlib, sys
        from jsonschema import Draft202012Validator
        from referencing import Registry, Resource

        folder = pathlib.Path(sys.argv[1])
        schemas = {}
        for path in folder.glob("*.schema.json"):
            schema = json.loads(path.read_text())
            Draft202012Validator.check_schema(schema)
            schemas[path.name] = schema
        registry = Registry().with_resources(
            ("file:///" + name, Resource.from_contents(schema)) for name, schema in schemas.items())
        checker = Draft202012Validator.FORMAT_CHECKER
        validators = {
            name: Draft202012Validator({"$ref": "file:///" + name}, registry=registry, format_checker=checker)
            for name in schemas}
        answers = []
        for instance in json.load(sys.stdin):
            try:
                record = json.loads(instance["record"])
            except ValueError as error:
                answers.append(["not JSON: " + str(error)])
                continue
            errors = validators[instance["schema"]].iter_errors(record)
            answers.append([error.json_path + ": " + error.message[:200] for error in errors])
        json.dump(answers, sys.stdout)
        """#
}
