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
