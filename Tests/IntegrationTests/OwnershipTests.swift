import Foundation
import Jobs
import Kafka
import Testing

extension Integration {
    @Suite("One owner, one session")
    struct Ownership {
        @Test("fifty devices and two jobs through two workers: each device has one owner and is logged in to once")
        func stickiness() async throws {
            try await Fleet.with(devices: 50) { fleet in
                try await fleet.startWorkers("left", "right")
                try await fleet.submit("first", "show version")
                let first = try await fleet.replies.results(of: "first", count: 50)
                try await fleet.submit("second", "show clock")
                let second = try await fleet.replies.results(of: "second", count: 50)

                #expect(first.allSatisfy { $0.outcome == .succeeded } && second.allSatisfy { $0.outcome == .succeeded })
                #expect(Set(first.map(\.device)).count == 50)
                let before = Dictionary(first.map { ($0.device, $0) }) { $1 }
                for result in second {
                    let earlier = try #require(before[result.device])
                    #expect(result.owner?.worker == earlier.owner?.worker)
                    #expect(result.session?.id == earlier.session?.id)
                    #expect(earlier.session?.reused == false && result.session?.reused == true)
                }
                #expect(Set(first.compactMap(\.owner?.worker)) == ["left", "right"])
                #expect(try fleet.replies.accepted("first")?.tasks == 50)

                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                #expect(try fleet.replies.results().count == 100)
                #expect(fleet.farm.counters.logins == 50)
                #expect(fleet.farm.counters.failedLogins == 0)
                #expect(fleet.devices.allSatisfy { $0.counters.maximumConcurrentSessions == 1 })
                try await until("all sessions are closed") { fleet.farm.counters.openSessions == 0 }
            }
        }

        @Test("a worker that has not noticed yet that the topic has grown sends no task back to where its device was")
        func notSentBack() async throws {
            try await Fleet.with(devices: 30) { fleet in
                try await fleet.startWorkers("alone") { $0.homeCheckInterval = .seconds(3_600) }
                let grown = Fleet.taskPartitions + 5
                try await fleet.cluster.admin.grow(fleet.topics.tasks, toPartitions: grown)
                func newHome(_ name: String) -> Int32 { Murmur2.partition(of: Array(name.utf8), count: grown) }
                let device = try #require(
                    fleet.devices.map(\.name).first {
                        newHome($0) < Fleet.taskPartitions && newHome($0) != fleet.home(of: $0)
                    })
                try await fleet.writeTask(
                    "show clock", effect: .read, job: "early", device: device, partition: newHome(device))
                #expect(try await fleet.replies.result(of: "early").outcome == .succeeded)
                let tasks = try await TopicLog(fleet.topics.tasks, on: fleet.cluster)
                try await tasks.readToEnd()
                let copies = tasks.records.filter { $0.key == Array(device.utf8) }
                #expect(copies.count == 1)
                await tasks.close()
            }
        }

        @Test("a partition that moves takes only those devices along whose home it is, whatever came on it for others")
        func onlyItsOwn() async throws {
            try await Fleet.with(devices: 12) { fleet in
                try await fleet.startWorkers("first") { $0.drainTimeout = .seconds(1) }
                // One task for each device on each partition but its own.
                for device in fleet.devices {
                    let home = fleet.home(of: device.name)
                    for partition in 0..<Fleet.taskPartitions where partition != home {
                        try await fleet.writeTask(
                            "show version", effect: .read, job: "strays", id: "stray-\(partition)/\(device.name)",
                            device: device.name, partition: partition)
                    }
                }
                let strays = fleet.devices.count * Int(Fleet.taskPartitions - 1)
                _ = try await fleet.replies.results(of: "strays", count: strays)
                for device in fleet.devices { device.setResponseDelay(.seconds(15)) }
                try await fleet.submit("long", "show clock", effect: .read, deadline: .seconds(90))
                try await until("all run") {
                    fleet.devices.allSatisfy { $0.commands.contains { $0.command == "show clock" } }
                }
                try await fleet.startWorkers("second")
                for device in fleet.devices { device.setResponseDelay(.zero) }
                let results = try await fleet.replies.results(of: "long", count: fleet.devices.count)
                #expect(results.allSatisfy { $0.outcome == .succeeded })
                #expect(Set(results.map { $0.owner?.worker }) == ["first", "second"])
                for result in results {
                    let hasMoved = result.owner?.worker == "second"
                    #expect(try fleet.device(result.device).counters.logins == (hasMoved ? 2 : 1))
                }
            }
        }

        @Test("a task on the wrong partition is forwarded to the device's owner and runs there, once")
        func misKeyed() async throws {
            try await Fleet.with(devices: 8) { fleet in
                try await fleet.startWorkers("left", "right")
                try await fleet.submit("warm", "show version")
                let warm = try await fleet.replies.results(of: "warm", count: 8)
                let owners = Dictionary(warm.map { ($0.device, $0.owner?.worker) }) { $1 }
                for device in fleet.devices {
                    // Halfway round: on average another worker's.
                    let wrong = (fleet.home(of: device.name) + Fleet.taskPartitions / 2) % Fleet.taskPartitions
                    try await fleet.writeTask(
                        "lab count strays", effect: .change, job: "stray", device: device.name, partition: wrong)
                }
                let results = try await fleet.replies.results(of: "stray", count: 8)
                for result in results {
                    #expect(result.outcome == .succeeded)
                    #expect(result.owner?.worker == owners[result.device])
                    #expect(result.session?.reused == true)
                }
                try await fleet.stopWorkers()
                try await fleet.replies.readToEnd()
                #expect(try fleet.replies.results(of: "stray").count == 8)
                #expect(fleet.devices.allSatisfy { $0.count(of: "strays") == 1 })
                #expect(fleet.farm.counters.logins == 8)
            }
        }
    }
}
