import Foundation
import Jobs
import Kafka
import Lab
import Testing

extension Integration {
    @Suite("Warm sessions")
    struct WarmSessions {
        @Test("they are open before the first task, on the owner of each device alone, and the first task reuses them")
        func opened() async throws {
            try await Fleet.with(devices: 24, isWarm: true) { fleet in
                let workers = try await fleet.startWorkers("left", "right")
                try await fleet.untilWarm()
                // Partitions may have moved from the first worker to the second, and with them devices.
                let logins = fleet.farm.counters.logins
                try await fleet.submit("job", "show clock")
                let results = try await fleet.replies.results(of: "job", count: 24)
                for result in results {
                    #expect(result.outcome == .succeeded && result.session?.reused == true)
                    #expect(result.owner?.worker == fleet.owner(of: result.device, among: workers))
                }
                #expect(fleet.farm.counters.logins == logins)
                #expect(workers.allSatisfy { $0.status.execution?.warmDevices == $0.status.openSessions })

                // A session that is lost comes back without a task.
                fleet.device.dropConnections()
                try await until("it is opened again") { fleet.device.counters.logins > 1 }
                try await fleet.untilWarm()

                try await fleet.stopWorkers()
                try await until("all sessions are closed") { fleet.farm.counters.openSessions == 0 }
                #expect(fleet.devices.allSatisfy { $0.counters.maximumConcurrentSessions == 1 })
            }
        }

        @Test("a worker that joins: only the devices that move to it are logged in to again")
        func join() async throws {
            try await Fleet.with(devices: 40, isWarm: true) { fleet in
                try await fleet.startWorkers("first", "second", "third")
                try await fleet.untilWarm()
                let before = fleet.owners
                let logins = fleet.devices.map(\.counters.logins)
                try await fleet.startWorkers("fourth")
                try await fleet.untilWarm()
                let after = fleet.owners
                var moved = 0
                for (device, logins) in zip(fleet.devices, logins) {
                    let hasMoved = before[device.name] != after[device.name]
                    moved += hasMoved ? 1 : 0
                    #expect(device.counters.logins == logins + (hasMoved ? 1 : 0), "\(device.name)")
                    #expect(device.counters.maximumConcurrentSessions == 1)
                    #expect(!hasMoved || after[device.name] == "fourth")
                }
                #expect((1..<40).contains(moved))
            }
        }

        @Test("a worker that leaves: its devices' sessions are opened by the others, after it has closed them")
        func leave() async throws {
            try await Fleet.with(devices: 24, isWarm: true) { fleet in
                let workers = try await fleet.startWorkers("left", "right")
                try await fleet.untilWarm()
                let before = fleet.owners
                let logins = fleet.devices.map(\.counters.logins)
                try await workers[0].stop()
                try await until("the other has them all") {
                    fleet.farm.counters.openSessions == 24 && workers[1].status.execution?.warmDevices == 24
                }
                for (device, logins) in zip(fleet.devices, logins) {
                    #expect(device.counters.logins == logins + (before[device.name] == "left" ? 1 : 0))
                    #expect(device.counters.maximumConcurrentSessions == 1)
                }
            }
        }

        @Test(
            "partitions are added to the task topic: sessions move to their new homes, one at a time, and so do tasks")
        func growth() async throws {
            try await Fleet.with(devices: 24, isWarm: true) { fleet in
                try await fleet.startWorkers("left", "right") {
                    $0.homeCheckInterval = .milliseconds(200)
                    $0.sessionTimeout = .seconds(6)
                }
                try await fleet.untilWarm()
                let grown = Fleet.taskPartitions * 2
                let staying = fleet.devices.filter {
                    fleet.home(of: $0.name) == Murmur2.partition(of: Array($0.name.utf8), count: grown)
                }
                let moving = fleet.devices.filter { device in !staying.contains { $0.name == device.name } }
                #expect(!staying.isEmpty && !moving.isEmpty)
                let logins = staying.map(\.counters.logins)
                try await fleet.cluster.admin.grow(fleet.topics.tasks, toPartitions: grown)
                // Nobody has the new partitions yet.
                try await until("the sessions of devices without an owner are closed") {
                    moving.allSatisfy { $0.counters.openSessions == 0 }
                }
                #expect(staying.allSatisfy { $0.counters.openSessions == 1 })
                #expect(staying.map(\.counters.logins) == logins)

                // A task that waits on its old partition is forwarded, and waits for the new owner.
                for device in moving {
                    try await fleet.writeTask(
                        "lab count olds", effect: .change, job: "old", device: device.name,
                        partition: fleet.home(of: device.name))
                }
                // Nobody joins: the workers themselves see that nobody serves the new ones, and make the group look again.
                for result in try await fleet.replies.results(of: "old", count: moving.count) {
                    #expect(result.outcome == .succeeded)
                }
                try await fleet.untilWarm()
                #expect(fleet.workers.reduce(0) { $0 + $1.partitionCount } == Int(grown))
                for device in fleet.devices {
                    #expect(device.counters.maximumConcurrentSessions == 1, "\(device.name)")
                    #expect(device.count(of: "olds") <= 1)
                }
                for device in moving { #expect(device.count(of: "olds") == 1) }
            }
        }

        @Test(
            "the owner of a new partition waits until a worker that is slow to notice it has let go of the devices, also of one that is at work"
        )
        func slowToNotice() async throws {
            try await Fleet.with(devices: 24, isWarm: true) { fleet in
                // Several times as slow as the other, so that the new partitions have an owner before it notices.
                try await fleet.startWorkers("slow") {
                    $0.homeCheckInterval = .seconds(14)
                    $0.sessionTimeout = .seconds(6)
                    $0.drainTimeout = .seconds(1)
                }
                try await fleet.startWorkers("quick") {
                    $0.homeCheckInterval = .milliseconds(200)
                    $0.sessionTimeout = .seconds(6)
                    $0.drainTimeout = .seconds(15)
                }
                try await fleet.untilWarm()
                let owners = fleet.owners
                // Not a multiple: devices move among the old partitions too.
                let grown = Fleet.taskPartitions + 5
                let moving = fleet.devices.filter {
                    fleet.home(of: $0.name) != Murmur2.partition(of: Array($0.name.utf8), count: grown)
                }
                let held = try #require(moving.first { owners[$0.name] == "slow" })
                held.setResponseDelay(.seconds(40))
                try await fleet.submit("long", to: [held.name], "show clock", deadline: .seconds(90))
                try await until("the task runs") { held.commands.contains { $0.command == "show clock" } }
                try await fleet.cluster.admin.grow(fleet.topics.tasks, toPartitions: grown)
                try await until("the new partitions have owners", within: .seconds(60)) {
                    fleet.workers.reduce(0) { $0 + $1.partitionCount } == Int(grown)
                }
                held.setResponseDelay(.zero)
                let names = moving.map(\.name)
                try await fleet.submit("after", to: names, "show version")
                for result in try await fleet.replies.results(of: "after", count: names.count) {
                    #expect(result.outcome == .succeeded)
                }
                // It was cut off by the move, and is done again by its new owner.
                #expect(try await fleet.replies.result(of: "long").outcome == .succeeded)
                for device in fleet.devices {
                    #expect(device.counters.maximumConcurrentSessions == 1, "\(device.name)")
                }
            }
        }

        @Test(
            "a rolling restart of static members: each worker's sessions come back with it, and nobody else's are touched"
        )
        func rollingRestart() async throws {
            try await Fleet.with(devices: 24, isWarm: true) { fleet in
                let names = ["first", "second", "third"]
                _ = try await fleet.startProcesses(names[0], names[1], names[2])
                try await fleet.untilWarm()
                try await fleet.submit("before", "show clock")
                let results = try await fleet.replies.results(of: "before", count: 24)
                let owners = Dictionary(results.map { ($0.device, $0.owner?.worker) }) { $1 }
                #expect(Set(owners.values) == Set(names))
                let logins = fleet.devices.map(\.counters.logins)
                for (index, name) in names.enumerated() {
                    try await fleet.process(index).terminate()
                    try await fleet.startAgain(name)
                    try await fleet.untilWarm()
                    for (device, logins) in zip(fleet.devices, logins) {
                        let isRestarted = names[...index].contains { owners[device.name] == $0 }
                        #expect(
                            device.counters.logins == logins + (isRestarted ? 1 : 0), "\(device.name), after \(name)")
                        #expect(device.counters.maximumConcurrentSessions == 1)
                    }
                }
            }
        }

        @Test("what happens to sessions stands on the topic of events, for each device in order")
        func events() async throws {
            try await Fleet.with(devices: 2, isWarm: true) { fleet in
                let events = try await TopicLog(fleet.topics.events, on: fleet.cluster)
                try await fleet.startWorkers("worker")
                try await fleet.untilWarm()
                fleet.device.dropConnections()
                try await until("it is opened again") { fleet.device.counters.logins == 2 }
                try await fleet.untilWarm()
                fleet.device.setFault(.denyLogins)
                fleet.device.dropConnections()
                try await until("it is tried again") { fleet.device.counters.failedLogins > 0 }
                try await fleet.stopWorkers()
                try await events.readToEnd()

                var found: [String: [Event]] = [:]
                for record in events.records {
                    let event = try Event(decoding: record.value ?? [])
                    #expect(record.key == Array(event.key.utf8))
                    #expect(event.worker == "worker")
                    found[event.key, default: []].append(event)
                }
                #expect(found[fleet.devices[1].name]?.map(\.type) == ["session.opened", "session.closed"])
                let types = found[fleet.device.name]?.map(\.type) ?? []
                #expect(
                    types.prefix(4) == ["session.opened", "session.lost", "session.opened", "session.lost"], "\(types)")
                #expect(!types.contains("session.closed"))
                await events.close()
            }
        }
    }
}

extension Fleet {
    /// Waits until every device has its session, and no worker has one too many.
    fileprivate func untilWarm() async throws {
        try await until(
            "all \(self.devices.count) sessions are open",
            state: { "\(self.farm.counters)\n\(self.workers.map(\.journal))\n\(self.journals.suffix(5_000))" }
        ) {
            let isOpen = self.devices.allSatisfy { $0.counters.openSessions == 1 }
            return isOpen && self.workers.allSatisfy { $0.status.openSessions == $0.status.execution?.warmDevices }
        }
    }

    /// The worker of this process that has the device's home.
    fileprivate func owner(of device: String, among workers: [InProcessWorker]) -> String? {
        let home = TopicPartition(self.topics.tasks, self.home(of: device))
        return workers.first { $0.status.execution?.partitions.contains(home) == true }?.name
    }

    fileprivate var owners: [String: String] {
        var owners: [String: String] = [:]
        for device in self.devices { owners[device.name] = self.owner(of: device.name, among: self.workers) }
        return owners
    }
}
