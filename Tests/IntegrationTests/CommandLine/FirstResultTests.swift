import Foundation
import Lab
import TestSupport
import Testing

extension Integration {
    /// README promises a first result in five commands. They are taken from it and run as they stand, but for the ports, which others may use.
    @Suite("The first result, as README says")
    struct FirstResult {
        /// The line in README before the block of commands.
        static let mark = "<!-- The tests run these commands. -->"

        @Test("from an empty folder, the commands of README lead to a result of every device")
        func commands() async throws {
            let readme = try String(
                contentsOf: Repository.root.appendingPathComponent("README.md"), encoding: .utf8)
            let after = try #require(readme.firstRange(of: Self.mark), "README has lost the mark \(Self.mark)")
                .upperBound
            let block = try #require(
                readme[after...].firstMatch(of: /\s*```sh\n(.*?)```/.dotMatchesNewlines()),
                "no block of commands follows")
            var script = String(block.1)
            let lines = script.split(separator: "\n").filter { !$0.hasPrefix("#") }
            #expect(lines.count <= 5)

            let broker = try LoopbackPort.free()
            #expect(script.contains("19092") && script.contains("20000"), "the ports that the test replaces")
            script = script.replacing("19092", with: "\(broker)").replacing("20000", with: "0")
            let leash = try Leash()
            let folder = leash.folder.appendingPathComponent("empty")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let programs = try SiblingProgram.url("tether").deletingLastPathComponent().path
            let noida = ProcessInfo.processInfo.environment["TETHER_TEST_BROKER"].map {
                URL(fileURLWithPath: $0).deletingLastPathComponent().path + ":"
            }
            // What runs in the background ends with the shell, the last one first: the worker says goodbye to a broker that is there.
            let shell = try ChildProcess.start(
                "/bin/bash",
                [
                    "-c",
                    "trap 'set +e; for p in $(jobs -p | tac); do kill $p; wait $p; done' EXIT; set -e; cd \"$0\"\n\(script)",
                    folder.path,
                ],
                environment: [
                    "PATH": "\(programs):\(noida ?? "")\(ProcessInfo.processInfo.environment["PATH"] ?? "")"
                ], on: leash)
            let status = try await shell.end(within: .seconds(100))
            let output = String(decoding: shell.output, as: UTF8.self)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            let logs = files.filter { $0.hasSuffix(".log") }.map { name in
                (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
            }
            await leash.drop()
            #expect(status == 0, "\(output)\n\(shell.errors)\n\(logs.joined(separator: "\n"))")
            for device in ["dev-0001", "dev-0002", "dev-0003"] { #expect(output.contains("── \(device) · succeeded")) }
        }
    }
}
