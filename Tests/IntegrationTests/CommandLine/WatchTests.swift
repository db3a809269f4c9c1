import Foundation
import Jobs
import Testing

extension Integration {
    @Suite("tether watch")
    struct Watching {
        @Test("a job that is over is told from its beginning, and its status is that of submit")
        func finished() async throws {
            try await Fleet.with(devices: 3) { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("good", "show clock")
                try await fleet.submit("bad", to: ["dev-0001", "nowhere"], "show clock")
                for job in ["good", "bad"] { _ = try await fleet.replies.finished(job) }
                let good = try await fleet.tether("watch", ["good", "--until-finished"])
                #expect(good.status == 0, "\(good.errors)")
                let text = String(decoding: good.output, as: UTF8.self)
                #expect(text.contains("── good · accepted · 3 tasks, 3 devices\n"), "\(text)")
                #expect(text.contains("── dev-0003 · succeeded · ") && !text.contains("UTC"))
                let both = try await fleet.tether("watch", ["good", "bad", "--until-finished", "--json"])
                #expect(both.status == 1, "\(both.errors)")
                let replies = try both.output.split(separator: UInt8(ascii: "\n")).map {
                    try Reply(decoding: [UInt8]($0))
                }
                #expect(Set(replies.map(\.job)) == ["good", "bad"])
                #expect(replies.count { $0.type == "result" } == 5)
            }
        }

        @Test(
            "filters by device, type and outcome, from now, from the beginning, or from a time on; a time-out ends it")
        func filters() async throws {
            try await Fleet.with(devices: 3) { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("old", to: ["dev-*", "nowhere"], "show clock")
                _ = try await fleet.replies.finished("old")
                func devices(_ arguments: String...) async throws -> [String] {
                    let watched = try await fleet.tether(
                        "watch jobs", arguments + ["--json", "--timeout", "1500ms", "--type", "result"])
                    #expect(watched.status == 124, "\(watched.errors)")
                    return try watched.output.split(separator: UInt8(ascii: "\n")).map { line in
                        guard case .result(let result) = try Reply(decoding: [UInt8](line)) else { return "?" }
                        return result.device
                    }.sorted()
                }
                #expect(try await devices("old") == ["dev-0001", "dev-0002", "dev-0003", "nowhere"])
                #expect(try await devices("--all").isEmpty)
                #expect(try await devices("--all", "--since", "1h", "--outcome", "rejected") == ["nowhere"])
                #expect(
                    try await devices("--all", "--from-beginning", "--device", "*-000[12]") == ["dev-0001", "dev-0002"])
                #expect(try await devices("old", "--from-now").isEmpty)
                let nonsense = try await fleet.tether("watch", ["--all", "--until-finished"])
                #expect(nonsense.status == 64)
            }
        }

        @Test("events of devices, as lines and as records")
        func events() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("warm", "show clock")
                _ = try await fleet.replies.finished("warm")
                func watch(_ arguments: String...) async throws -> String {
                    let watched = try await fleet.tether(
                        "watch events", arguments + ["--timeout", "1500ms", "--from-beginning"])
                    #expect(watched.status == 124, "\(watched.errors)")
                    return String(decoding: watched.output, as: UTF8.self)
                }
                let lines = try await watch("--type", "session.*", "--device", "dev-0002")
                #expect(
                    lines.wholeMatch(of: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  dev-0002  session\.opened  worker  in .*s\n/)
                        != nil,
                    "\(lines)")
                let records = try await watch("--json").split(separator: "\n")
                let devices = try records.compactMap { try Event(decoding: Array($0.utf8)).device }.sorted()
                #expect(devices == ["dev-0001", "dev-0002"])
                #expect(try await watch("--type", "device.*").isEmpty)
            }
        }
    }
}
