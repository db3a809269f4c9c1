import Foundation
import Jobs
import TestSupport
import Testing

/// What the job cookbook shows, run as it stands there.
extension Integration {
    @Suite("The job cookbook")
    struct Cookbook {
        /// The listings of a language by their file names, which their first lines hold.
        private func listings(_ language: String, comment: String) throws -> [String: String] {
            let article = Repository.sources.appendingPathComponent("Worker/Worker.docc/JobCookbook.md")
            var listings: [String: String] = [:]
            var open: [String]?
            for line in try String(contentsOf: article, encoding: .utf8).components(separatedBy: "\n") {
                if let lines = open {
                    guard line == "```" else {
                        open = lines + [line]
                        continue
                    }
                    let name = try #require(lines.first?.hasPrefix("\(comment) ") == true ? lines.first : nil)
                    listings[String(name.dropFirst(comment.count + 1))] = lines.joined(separator: "\n") + "\n"
                    open = nil
                } else if line == "```\(language)" {
                    open = []
                }
            }
            return listings
        }

        /// Writes listings to files, with the test's broker and topics in place of the article's.
        private func write(_ listings: [String: String], for fleet: Fleet, changing changes: [String: String] = [:])
            throws -> URL
        {
            let folder = fleet.folder.appendingPathComponent("cookbook")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for (name, listing) in listings {
                var text = listing.replacing("localhost:9092", with: fleet.cluster.bootstrapServers)
                for topic in ["jobs", "results", "control"] {
                    text = text.replacing("tether.\(topic)", with: "\(fleet.topics.prefix).\(topic)")
                }
                for (old, new) in changes { text = text.replacing(old, with: new) }
                try Data(text.utf8).write(to: folder.appendingPathComponent(name))
            }
            return folder
        }

        @Test("every Python listing does what the article says")
        func python() async throws {
            try await Fleet.with(devices: 3) { fleet in
                try await fleet.startWorkers("worker")
                let own = "\(fleet.topics.prefix)-my-team.results"
                _ = try await fleet.createTopic(own)
                let listings = try self.listings("python", comment: "#")
                let folder = try self.write(
                    listings, for: fleet,
                    changing: [
                        "my-team.results": own,
                        // What the simulated devices have in place of much output, and of a command that takes long.
                        #"["show tech-support"]}})"# + "\npieces": #"["lab output 1999999"]}})"# + "\npieces",
                        #"["show tech-support"]}})"# + "\nfor": #"["lab sleep 60000"]}, "effect": "read"})"# + "\nfor",
                    ])
                let interpreter = ProcessInfo.processInfo.environment["TETHER_TEST_PYTHON"] ?? "python3"
                var run: Set = ["tether_jobs.py"]
                func output(_ name: String, _ arguments: String...) async throws -> [String] {
                    run.insert(name)
                    let program = try await ChildProcess.run(
                        interpreter, [folder.appendingPathComponent(name).path] + arguments, on: fleet.cluster.leash)
                    try #require(program.status == 0, "\(name): \(program.errors)")
                    return String(decoding: program.output, as: UTF8.self).split(separator: "\n").map(String.init)
                }

                let follow = try await output("follow.py")
                #expect(follow.first == "3 results to come; unknown names: []")
                #expect(follow.last == "finished: 3 of 3 succeeded, 0 unknown")
                #expect(follow.count { $0.contains("show clock succeeded") } == 3)

                let other = try await output("follow_kafka_python.py")
                #expect(
                    other.sorted() == ["dev-0001 succeeded", "dev-0002 succeeded", "dev-0003 succeeded", "finished"])

                #expect(try await output("change.py") == ["in effect {'ticket': 'CHG-1234'}"])
                #expect(
                    try await output("fan_out.py") == [
                        "{'rejected': 1, 'succeeded': 3} {'target.unknown': 1} missing: 0"
                    ])
                #expect(try await output("in_order.py") == ["True"])
                #expect(
                    try await output("submit_again.py") == [
                        "accepted", "result", "finished", "not run again: True 1",
                    ])
                #expect(try await output("large_output.py") == ["lab output 1999999 True 2000000"])
                let cancelled = try await output("cancel.py")
                #expect(
                    cancelled.count == 1 && cancelled[0].hasPrefix("cancelled the job was cancelled"), "\(cancelled)")
                #expect(try await output("own_topic.py") == ["accepted", "result", "finished"])

                // Every result once, and nothing new the second time.
                try await fleet.replies.readToEnd()
                let tasks = Set(try fleet.replies.results().map(\.task))
                let database = folder.appendingPathComponent("results.sqlite").path
                for _ in 1...2 {
                    #expect(try await output("exactly_once_reader.py", database) == ["\(tasks.count) results"])
                }
                #expect(run == Set(listings.keys), "listings that nothing runs")
            }
        }

        @Test("the shell's listing does too")
        func shell() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let folder = try self.write(self.listings("sh", comment: "#"), for: fleet)
                let program = try await ChildProcess.run(
                    "bash", [folder.appendingPathComponent("submit.sh").path], on: fleet.cluster.leash)
                #expect(program.status == 0, "\(program.errors)")
                let replies = try program.output.split(separator: UInt8(ascii: "\n")).map { line in
                    try Reply(decoding: [UInt8](line))
                }
                #expect(replies.map(\.type) == ["accepted", "result", "result", "finished"])
            }
        }
    }
}
