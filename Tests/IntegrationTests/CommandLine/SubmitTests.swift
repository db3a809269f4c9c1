import Foundation
import Jobs
import Kafka
import Lab
import Testing

extension Integration {
    @Suite("tether submit, and requests as Spring makes them")
    struct Submitting {
        private func submit(_ arguments: [String], to fleet: Fleet, input: String = "") async throws -> (
            status: Int32, output: Data, errors: String
        ) {
            try await fleet.tether("submit", arguments, input: input)
        }

        @Test("the exit status says whether every task succeeded, and --json prints the replies as they are")
        func exitStatus() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let good = try await self.submit(
                    ["group:lab", "-c", "show clock", "--json", "--id", "good"], to: fleet)
                #expect(good.status == 0, "\(good.errors)")
                let replies = try good.output.split(separator: UInt8(ascii: "\n")).map {
                    try Reply(decoding: [UInt8]($0))
                }
                #expect(replies.map(\.type) == ["accepted", "result", "result"])
                #expect(replies.allSatisfy { $0.job == "good" })

                let bad = try await self.submit(["dev-0001", "nowhere", "-c", "show clock"], to: fleet)
                #expect(bad.status == 1, "\(bad.errors)")
                let text = String(decoding: bad.output, as: UTF8.self)
                #expect(text.contains("dev-0001 · succeeded") && text.contains("target.unknown"))

                let refused = try await self.submit(["dev-0001", "-c", "no such command"], to: fleet)
                #expect(refused.status == 1, "\(refused.errors)")
                #expect(String(decoding: refused.output, as: UTF8.self).contains("command.rejected"))

                let nonsense = try await self.submit(["dev-0001", "-c", "show clock", "--effect", "maybe"], to: fleet)
                #expect(nonsense.status == 64)
            }
        }

        @Test("without a worker the results are missing after the deadline, and the exit status says so")
        func nobody() async throws {
            try await Fleet.with { fleet in
                let nobody = try await self.submit(["dev-0001", "-c", "show clock", "--deadline", "500ms"], to: fleet)
                #expect(nobody.status == 124)
                #expect(nobody.errors.contains("is a worker running?"))
            }
        }

        @Test("a job comes from a file or from standard input, as JSON or YAML, and flags win")
        func files() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let yaml = "id: yaml\ntargets: [dev-0001]\noperation:\n  type: run\n  commands: [show clock]\n"
                let file = fleet.folder.appendingPathComponent("job.yaml")
                try Data(yaml.utf8).write(to: file)
                let fromFile = try await self.submit(["-f", file.path, "group:lab"], to: fleet)
                #expect(fromFile.status == 0, "\(fromFile.errors)")
                #expect(fromFile.errors.contains("job yaml: 2 succeeded in "))
                let json = #"{"targets": ["dev-0001"], "operation": {"type": "probe"}}"#
                let fromInput = try await self.submit(["--id", "json"], to: fleet, input: json)
                #expect(fromInput.status == 0, "\(fromInput.errors)")
                let wrong = try await self.submit(
                    ["-f", "-"], to: fleet, input: "targets: [a]\noperation: {type: fly}\n")
                #expect(wrong.status == 65)
                #expect(wrong.errors.contains("standard input:2: operation.type: "), "\(wrong.errors)")
                let twice = try await self.submit(["-f", file.path], to: fleet)
                #expect(twice.status == 3, "\(twice.errors)")
                #expect(twice.errors.contains("this id was used before"))
            }
        }

        @Test("without waiting the id is all that is printed; the job is done all the same")
        func noWait() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                let sent = try await self.submit(["dev-0001", "-c", "show clock", "--no-wait"], to: fleet)
                #expect(sent.status == 0, "\(sent.errors)")
                let id = String(decoding: sent.output, as: UTF8.self)
                #expect(id.hasPrefix("job-") && id.hasSuffix("\n"))
                let result = try await fleet.replies.result(of: String(id.dropLast()))
                #expect(result.outcome == .succeeded)
                let json = try await self.submit(
                    ["dev-0001", "--probe", "--no-wait", "--json", "--id", "x", "--key", "k"], to: fleet)
                let line = String(decoding: json.output, as: UTF8.self)
                #expect(line.hasPrefix("{\"job\":\"x\",\"topic\":\"\(fleet.topics.jobs)\",\"partition\":"), "\(line)")
            }
        }

        @Test("a change that nobody can know of has a status of its own, and the summary names it")
        func unknown() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let lost = try await self.submit(["dev-0001", "-c", "lab count x drop"], to: fleet)
                #expect(lost.status == 4, "\(lost.errors)")
                #expect(lost.errors.contains("unknown  session.lost        1  dev-0001"), "\(lost.errors)")
            }
        }

        @Test("output of any size is saved whole, and standard output has a line for each device")
        func saving() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let folder = fleet.folder.appendingPathComponent("saved")
                let saved = try await self.submit(
                    ["group:lab", "-c", "lab output 1500000", "-c", "show clock", "--save", folder.path], to: fleet)
                #expect(saved.status == 0, "\(saved.errors)")
                #expect(String(decoding: saved.output, as: UTF8.self).split(separator: "\n").count == 2)
                for device in ["dev-0001", "dev-0002"] {
                    let file = folder.appendingPathComponent("\(device)/01-lab_output_1500000.txt")
                    let text = try String(contentsOf: file, encoding: .utf8)
                    #expect(text == DeterministicText.text(bytes: 1_500_000) + "\n")
                }
                let index = try String(contentsOf: folder.appendingPathComponent("index.json"), encoding: .utf8)
                #expect(index.contains("\"tasks\":2") && !index.contains("\"complete\":false"), "\(index)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 3)

                // Before anything is sent.
                let refused = try await self.submit(
                    ["group:lab", "-c", "show clock", "--save", "/proc/nowhere", "--id", "refused"], to: fleet)
                #expect(refused.status == 73, "\(refused.errors)")
                try await fleet.replies.readToEnd()
                #expect(try fleet.replies.accepted("refused") == nil)
            }
        }

        @Test("the first Ctrl-C says what goes on and how to cancel it; the second leaves it running")
        func interruption() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let terminal = try fleet.terminal(
                    "submit", ["group:lab", "-c", "lab sleep 600000", "--effect", "read", "--id", "night ly"])
                defer { terminal.stop() }
                try await until("it runs", state: { terminal.output }) {
                    fleet.devices.allSatisfy { $0.counters.logins == 1 } && terminal.output.contains("0/2")
                }
                terminal.type("\u{3}")
                try await until("it says so", state: { terminal.output }) {
                    terminal.output.contains("Press Ctrl-C again to leave.")
                }
                #expect(terminal.output.contains("The job goes on: 2 of 2 devices haven't ended."))
                let words = "--kafka \(fleet.cluster.bootstrapServers) --topic-prefix \(fleet.topics.prefix)"
                #expect(terminal.output.contains("tether cancel \(words) 'night ly'"), "\(terminal.output)")
                #expect(terminal.exitStatus == nil)
                terminal.type("\u{3}")
                try await until("it ends") { terminal.exitStatus != nil }
                #expect(terminal.exitStatus == 130)
                #expect(try await fleet.tether("cancel", ["night ly"]).status == 0)
                let results = try await fleet.replies.results(of: "night ly", count: 2)
                #expect(results.allSatisfy { $0.outcome == .cancelled })
            }
        }

        @Test("--cancel-on-interrupt: Ctrl-C cancels the job, and its results are waited for")
        func cancelOnInterrupt() async throws {
            try await Fleet.with(devices: 2) { fleet in
                try await fleet.startWorkers("worker")
                let terminal = try fleet.terminal(
                    "submit", ["group:lab", "-c", "lab sleep 600000", "--effect", "read", "--cancel-on-interrupt"])
                defer { terminal.stop() }
                try await until("it runs", state: { terminal.output }) {
                    fleet.devices.allSatisfy { $0.counters.logins == 1 } && terminal.output.contains("0/2")
                }
                terminal.type("\u{3}")
                try await until("it ends", state: { terminal.output }) { terminal.exitStatus != nil }
                #expect(terminal.exitStatus == 130)
                #expect(terminal.output.contains("2 cancelled of 2 in "), "\(terminal.output)")
            }
        }

        @Test("without topics or without a broker nothing is begun, and the message says what to do")
        func unavailable() async throws {
            try await Fleet.with { fleet in
                let nowhere = try await ChildProcess.run(
                    SiblingProgram.url("tether").path,
                    [
                        "submit", "a", "--probe", "--kafka", fleet.cluster.bootstrapServers, "--topic-prefix", "nobody",
                    ], on: fleet.cluster.leash)
                #expect(nowhere.status == 69)
                #expect(nowhere.errors.contains("tether topics create --kafka "), "\(nowhere.errors)")
                let silent = try await ChildProcess.run(
                    SiblingProgram.url("tether").path, ["submit", "a", "--probe", "--kafka", "127.0.0.1:1"],
                    on: fleet.cluster.leash)
                #expect(silent.status == 69)
                #expect(silent.errors.contains("No answer from Kafka at 127.0.0.1:1"), "\(silent.errors)")
                #expect(silent.errors.contains("Connection refused"), "\(silent.errors)")
                #expect(silent.output.isEmpty)
            }
        }

        @Test("Spring's reply topic is used, and its headers come back byte for byte on every reply")
        func spring() async throws {
            try await Fleet.with { fleet in
                let answers = try await fleet.createTopic("\(fleet.topics.prefix)-answers")
                try await fleet.startWorkers("worker")
                // Sixteen bytes that are no text, as Spring makes them.
                let correlation = [UInt8](0x80..<0x90)
                let sent = [
                    KafkaHeader("kafka_replyTopic", answers.topic),
                    KafkaHeader("kafka_correlationId", correlation),
                    KafkaHeader("kafka_replyPartition", [0, 0, 0, 1]),
                    KafkaHeader("__TypeId__", "com.example.Job"),
                ]
                try await fleet.submit(
                    Job(id: "spring", targets: ["dev-0001"], operation: .run([Command("show clock")])), headers: sent)
                #expect(try await answers.result(of: "spring").outcome == .succeeded)
                #expect(answers.records.count == 2)
                for record in answers.records {
                    #expect(record.topicPartition.partition == 1)
                    #expect(Array(record.headers.dropFirst()) == Array(sent.dropLast()))
                }
                await answers.close()
            }
        }
    }
}
