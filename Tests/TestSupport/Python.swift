import Foundation

/// Runs Python scripts: the schemas are judged by a validator that shares nothing with the code under test.
package enum Python {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(description: String) { self.description = description }
    }

    /// What `script` prints when it gets `input`; a failing script is an error that holds its words.
    ///
    /// The interpreter is `TETHER_TEST_PYTHON`, else `python3`; it needs the packages jsonschema and PyYAML.
    package static func run(_ script: String, input: Data, arguments: [String]) async throws -> Data {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-python-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Files instead of pipes: nothing that can fill up and stall either side.
        let files = try ["script.py": Data(script.utf8), "input": input, "output": Data(), "errors": Data()].mapValues {
            $0
        }
        .reduce(into: [String: URL]()) { files, entry in
            files[entry.key] = folder.appendingPathComponent(entry.key)
            try entry.value.write(to: folder.appendingPathComponent(entry.key))
        }
        func path(_ name: String) -> URL { files[name] ?? folder.appendingPathComponent(name) }

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let interpreter = ProcessInfo.processInfo.environment["TETHER_TEST_PYTHON"] ?? "python3"
        process.arguments = [interpreter, path("script.py").path] + arguments
        process.standardInput = try FileHandle(forReadingFrom: path("input"))
        process.standardOutput = try FileHandle(forWritingTo: path("output"))
        process.standardError = try FileHandle(forWritingTo: path("errors"))
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        guard process.terminationStatus == 0 else {
            let errors = String(decoding: (try? Data(contentsOf: path("errors"))) ?? Data(), as: UTF8.self)
            throw Failure(
                description: """
                    \(interpreter) failed: \(errors)
                    These tests need Python 3 with jsonschema, PyYAML and prometheus_client: deploy/install test. \
                    Set TETHER_TEST_PYTHON to the interpreter that has them.
                    """)
        }
        return try Data(contentsOf: path("output"))
    }
}
