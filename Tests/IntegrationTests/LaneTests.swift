import Foundation
import Jobs
import Testing

extension Integration {
    @Suite("Each device has a lane of its own")
    struct Lanes {
        @Test("thirty jobs for one device run one at a time, in the order of their submission")
        func order() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("left", "right")
                // One key: only records of one partition have an order.
                for number in 1...30 {
                    try await fleet.submit(
                        "job-\(number)", "lab output \(number)", effect: number % 3 == 0 ? .change : .read, key: "one")
                }
                try await fleet.replies.read("30 results") { _ in try fleet.replies.results().count >= 30 }
                #expect(try fleet.replies.results().allSatisfy { $0.outcome == .succeeded })
                let commands = fleet.device.commands.map(\.command).filter { $0.hasPrefix("lab output") }
                #expect(commands == (1...30).map { "lab output \($0)" })
                #expect(fleet.device.counters.maximumConcurrentSessions == 1)
            }
        }

        @Test("what stands so far behind an unfinished task that no commit could tell of both waits for it")
        func beyondWindow() async throws {
            try await Fleet.with(devices: 16) { fleet in
                let home = fleet.home(of: fleet.devices[0].name)
                let other = try #require(fleet.devices.dropFirst().first { fleet.home(of: $0.name) == home })
                let slow = fleet.devices[0]
                slow.setFault(.hangAfterLogin)
                let worker = try await fleet.startWorkers("worker")[0]
                try await fleet.writeTask("show clock", effect: .read, job: "slow", device: slow.name, partition: home)
                try await until("the device is logged in to") { slow.counters.logins == 1 }
                try await fleet.writeAborted(8_192, to: fleet.topics.tasks, partition: home)
                try await fleet.writeTask(
                    "lab output 1", effect: .change, job: "behind", device: other.name, partition: home)
                try await until("the partition is paused") {
                    worker.status.execution?.windows.first { $0.partition == home }?.isPaused == true
                }
                #expect(worker.status.execution?.takenTasks == 1)
                slow.setFault(nil)
                slow.dropConnections()
                for job in ["slow", "behind"] {
                    #expect(try await fleet.replies.result(of: job).outcome == .succeeded)
                }
            }
        }

        @Test("tasks whose records are large pause their partition before there are many, and all run in the end")
        func largeTasks() async throws {
            try await Fleet.with { fleet in
                let worker = try await fleet.startWorkers("worker") { $0.windowBytes = 20_000 }[0]
                fleet.device.setFault(.hangAfterLogin)
                let home = fleet.home(of: fleet.device.name)
                let labels = Dictionary(
                    uniqueKeysWithValues: (0..<5).map { ("label-\($0)", String(repeating: "x", count: 1_000)) })
                for number in 1...12 {
                    try await fleet.submit(
                        Job(
                            id: "job-\(number)", targets: [fleet.device.name], operation: .run([Command("show clock")]),
                            labels: labels))
                }
                try await until("the partition is paused") {
                    worker.status.execution?.windows.first { $0.partition == home }?.isPaused == true
                }
                fleet.device.setFault(nil)
                fleet.device.dropConnections()
                try await fleet.replies.read("12 results") { _ in try fleet.replies.results().count >= 12 }
            }
        }

        @Test("a device that never answers delays no other; its tasks expire at their deadlines, the waiting ones too")
        func mute() async throws {
            try await Fleet.with(devices: 8) { fleet in
                // At the end one task still hangs: it isn't waited for.
                try await fleet.startWorkers("worker") { $0.drainTimeout = .milliseconds(100) }
                let (mute, forever) = (fleet.devices[0], fleet.devices[1])
                mute.setFault(.hangAfterLogin)
                forever.setFault(.hangAfterLogin)
                let before = Int64(Date.now.timeIntervalSince1970 * 1_000)
                try await fleet.submit("hangs", to: [forever.name], "show clock", deadline: .seconds(600))
                try await fleet.submit("first", to: [mute.name], "show clock", deadline: .seconds(4), key: "mute")
                try await fleet.submit("second", to: [mute.name], "show clock", deadline: .seconds(4), key: "mute")
                try await until("the device is logged in to") { forever.counters.logins == 1 }

                let others = fleet.devices.dropFirst(2).map(\.name)
                try await fleet.submit("others", to: others, "show clock")
                let results = try await fleet.replies.results(of: "others", count: others.count)
                #expect(results.allSatisfy { $0.outcome == .succeeded })

                for job in ["first", "second"] {
                    let result = try await fleet.replies.result(of: job)
                    #expect(result.outcome == .expired)
                    #expect(result.error?.code == "deadline.exceeded")
                    let record = try #require(try fleet.replies.replies.last { $0.reply.job == job }?.record)
                    let taken = (record.timestamp ?? 0) - before
                    #expect(taken >= 3_900 && taken < 40_000, "\(job) ended after \(taken) ms")
                }
                #expect(mute.commands.isEmpty)
                #expect(try fleet.replies.results(of: "hangs").isEmpty)

                // Healed, the device works again.
                mute.setFault(nil)
                try await fleet.submit("third", to: [mute.name], "show clock")
                #expect(try await fleet.replies.result(of: "third").outcome == .succeeded)
            }
        }
    }
}
