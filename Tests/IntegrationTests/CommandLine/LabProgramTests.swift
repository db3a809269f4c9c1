import Foundation
import Lab
import Testing

extension Integration {
    @Suite("tether-lab")
    struct LabProgram {
        @Test("the development broker doesn't outlive a tether-lab that is killed")
        func killed() async throws {
            let leash = try Leash()
            let environment = ProcessInfo.processInfo.environment
            let program = try ChildProcess.start(
                try SiblingProgram.url("tether-lab").path,
                [
                    "broker", "--data-dir", leash.folder.appendingPathComponent("broker").path, "--port", "0",
                    "--binary", environment["TETHER_TEST_BROKER"] ?? "noida-db",
                ], on: leash)
            var broker: pid_t?
            try await until("the broker is ready", state: { program.errors }) {
                let ready = String(decoding: program.output, as: UTF8.self)
                broker = ready.firstMatch(of: /pid=(\d+)/).flatMap { pid_t($0.1) }
                return broker != nil
            }
            let process = try #require(broker)
            #expect(Self.runs(process))
            program.send(signal: SIGKILL)
            try await until("the broker has ended") { !Self.runs(process) }
            await leash.drop()
        }

        /// Not one that has ended and that nobody has collected.
        private static func runs(_ process: pid_t) -> Bool {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let name = text.lastIndex(of: ")")
            else { return false }
            return !text[name...].hasPrefix(") Z")
        }
    }
}
