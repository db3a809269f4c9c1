import Foundation
import Jobs
import Kafka
import Lab
import Testing

extension Integration {
    @Suite("Inventories that change under a worker")
    struct Inventories {
        @Test(
            "a worker process takes edits, refuses broken ones, reads again on SIGHUP, and tells it all on the topic of events"
        )
        func reload() async throws {
            try await Fleet.with(devices: 3, isWarm: true) { fleet in
                let events = try await TopicLog(fleet.topics.events, on: fleet.cluster)
                let good = try String(contentsOfFile: fleet.inventory, encoding: .utf8)
                func write(_ text: String) throws {
                    try text.write(toFile: fleet.inventory, atomically: true, encoding: .utf8)
                }
                let worker = try await fleet.startProcesses("worker")[0]
                try await until("all are open") { fleet.devices.allSatisfy { $0.counters.openSessions == 1 } }
                #expect(worker.journal.contains("form=\"Tether YAML\""))

                // One is gone, and a new name stands for its address: opened by the owner, after the old session is closed.
                try write(good.replacing("dev-0001", with: "renamed"))
                try await until("the new one is open", state: { worker.journal }) {
                    fleet.device.counters.logins == 2 && fleet.device.counters.openSessions == 1
                }
                #expect(fleet.device.counters.maximumConcurrentSessions == 1)
                #expect(fleet.devices.dropFirst().allSatisfy { $0.counters.logins == 1 })
                try await fleet.submit("job", to: ["renamed", "dev-0001"], "show clock")
                let results = try await fleet.replies.results(of: "job", count: 2)
                #expect(results.first { $0.device == "renamed" }?.outcome == .succeeded)
                #expect(results.first { $0.device == "dev-0001" }?.error?.code == "target.unknown")

                try write("devices: {renamed: [}")
                try await until("the mistake is told", state: { worker.journal }) {
                    worker.journal.contains("the inventory can't be used; the one before stays in use")
                }
                try await fleet.submit("after", to: ["renamed"], "show clock")
                #expect(try await fleet.replies.result(of: "after").outcome == .succeeded)
                try write(good.replacing("dev-0001", with: "renamed"))
                worker.send(signal: SIGHUP)
                try await until("it is read again", state: { worker.journal }) {
                    worker.journal.components(separatedBy: "the inventory is read anew").count >= 3
                }
                #expect(fleet.device.counters.logins == 2)
                #expect(try await worker.terminate() == 0)

                try await events.readToEnd()
                let told = try events.records.map { try Event(decoding: $0.value ?? []) }.filter { $0.device == nil }
                #expect(told.allSatisfy { $0.worker == "worker" })
                #expect(
                    told.first?.kind
                        == .inventoryChanged(
                            devices: 3, added: 1, removed: 1, changed: 0, names: ["+renamed", "-dev-0001"]))
                guard case .inventoryRefused("inventory.invalid", let message)? = told.dropFirst().first?.kind else {
                    Issue.record("\(told)")
                    return
                }
                #expect(message.hasPrefix("\(fleet.inventory):1:"))
                await events.close()
            }
        }

        private func tether(_ arguments: [String]) async throws -> (status: Int32, output: String, errors: String) {
            let result = try await ChildProcess.run(
                SiblingProgram.url("tether").path, ["inventory"] + arguments, on: Cluster.current.leash)
            return (result.status, String(decoding: result.output, as: UTF8.self), result.errors)
        }

        private func file(_ name: String, _ text: String) throws -> String {
            let folder = try Cluster.current.leash.folder.appendingPathComponent("inventory-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            return folder.appendingPathComponent(name).path
        }

        private static let sample = """
            defaults: {device_type: cisco_iosxe, user: automation}
            devices:
              r1: {host: 192.0.2.1, tags: [edge], password: {env: PATH}}
              r2: {host: 192.0.2.2, port: 2222, groups: [core]}
            groups:
              core: {enable_secret: hunter2}
              empty: {tags: [nobody]}
            """

        @Test("list shows what targets stand for, as a table and as JSON")
        func list() async throws {
            let path = try self.file("a.yaml", Self.sample)
            let table = try await self.tether(["list", "--inventory", path])
            #expect(table.status == 0, "\(table.errors)")
            #expect(
                table.output == """
                    NAME  HOST       PORT  DEVICE TYPE  TAGS  GROUPS
                    r1    192.0.2.1    22  cisco_iosxe  edge
                    r2    192.0.2.2  2222  cisco_iosxe        core

                    """)
            let json = try await self.tether(["list", "--inventory", path, "--json", "group:core"])
            #expect(
                json.output
                    == #"{"device_type":"cisco_iosxe","groups":["core"],"host":"192.0.2.2","name":"r2","port":2222,"tags":[]}"#
                    + "\n")
            let unknown = try await self.tether(["list", "--inventory", path, "r1", "r9"])
            #expect(unknown.status == 1 && unknown.errors.contains("r9: nothing in the inventory has this name"))
            #expect(unknown.output.contains("192.0.2.1"))
        }

        @Test("show tells every setting with its place, and no secret")
        func show() async throws {
            let path = try self.file("a.yaml", Self.sample)
            let first = try await self.tether(["show", "--inventory", path, "r1"])
            #expect(first.status == 0, "\(first.errors)")
            let lines = first.output.split(separator: "\n").map {
                $0.split(separator: " ", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            }
            let settings = Dictionary(lines.map { ($0[0], $0[1].replacing(#/ {2,}/#, with: " | ")) }) { first, _ in
                first
            }
            #expect(settings["host"] == "192.0.2.1 | \(path):3")
            #expect(settings["port"] == "22 | built in")
            #expect(settings["device_type"] == "cisco_iosxe | \(path):1 (defaults)")
            #expect(settings["user"] == "automation | \(path):1 (defaults)")
            #expect(settings["password"] == "set (from env PATH) | \(path):3")
            #expect(settings["enable_secret"] == nil && settings["timeout"] == "30s | built in")
            let second = try await self.tether(["show", "--inventory", path, "r2", "--json"])
            #expect(
                second.output.contains(
                    #"{"name":"enable_secret","source":"\#(path):6 (group core)","value":"set"}"#))
            #expect(!second.output.contains("hunter2"))
            #expect(try await self.tether(["show", "--inventory", path, "r9"]).status == 1)
        }

        @Test("check tells forms, warnings and all mistakes; the exit status says whether the inventory can be used")
        func check() async throws {
            let path = try self.file("a.yaml", Self.sample)
            let good = try await self.tether(["check", "--inventory", path])
            #expect(good.status == 0, "\(good.output)")
            #expect(
                good.output == """
                    \(path): Tether YAML, 2 devices
                    \(path):7: warning: groups.empty: has no members
                    \(path):4: warning: no password or private key is known for r2, neither here nor in this environment
                    2 devices, 2 groups; 0 errors, 2 warnings

                    """)
            #expect(try await self.tether(["check", "--strict", "--inventory", path]).status == 1)
            let bad = try self.file("b.csv", "name,host,device_type\nr1,a,linux\nr2,b c,linux\nr3,d,linx\nr1,e,linux\n")
            let told = try await self.tether(["check", "--json", "--inventory", bad])
            #expect(told.status == 1)
            let object = try JSONReader.read([UInt8](told.output.utf8))
            guard case .object(let report) = object, case .array(let errors)? = report["errors"] else {
                Issue.record("\(told.output)")
                return
            }
            #expect(errors.count == 2 && report["ok"] == .bool(false) && report["code"] == .string("inventory.invalid"))
            let platform = try await self.tether(
                ["check", "--inventory", try self.file("c.csv", "host,device_type\na.example,linx\n")])
            #expect(platform.status == 1)
            #expect(
                platform.output.contains(
                    ":2:11: error: devices.a.example.device_type: there is no platform `linx`; did you mean `linux`?"))
            #expect(try await self.tether(["check"]).status == 64)
        }

        @Test("import writes an inventory to standard output, and what isn't taken to standard error")
        func importing() async throws {
            let path = try self.file("config", "Host r1\n  HostName 192.0.2.1\n  User admin\n  Compression yes\n")
            let imported = try await self.tether(["import", "ssh-config", path, "--device-type", "linux"])
            #expect(imported.status == 0)
            #expect(imported.errors.contains("\(path):4: `compression` isn't taken"))
            let inventory = try self.file("made.yaml", imported.output)
            let list = try await self.tether(["list", "--inventory", inventory, "--json"])
            #expect(list.output.contains(#""device_type":"linux","groups":[],"host":"192.0.2.1","name":"r1""#))
        }
    }
}
