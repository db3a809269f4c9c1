import Crypto
import Jobs
import Lab
import Testing

extension Integration {
    @Suite("Output")
    struct OutputRecords {
        /// What `lab output` prints: the text and the line end before the prompt.
        private func printed(_ size: Int) -> [UInt8] { Array((DeterministicText.text(bytes: size - 1) + "\n").utf8) }

        /// The output records of a job before its result, and the result.
        private func read(_ job: String, of fleet: Fleet) async throws -> (outputs: [Output], result: DeviceResult) {
            let result = try await fleet.replies.result(of: job)
            try await fleet.stopWorkers()
            try await fleet.replies.readToEnd()
            let replies = try fleet.replies.replies.filter { $0.reply.job == job }
            #expect(Set(replies.map(\.record.topicPartition)).count == 1, "a job's replies are on one partition")
            #expect(replies.map(\.reply.type).first == "accepted")
            #expect(replies.map(\.reply.type).last == "result")
            let outputs = replies.compactMap { received -> Output? in
                guard case .output(let output) = received.reply else { return nil }
                return output
            }
            #expect(replies.count == outputs.count + 2)
            #expect(outputs.map(\.sequence) == Array(0..<outputs.count))
            return (outputs, result)
        }

        @Test(
            "output of two megabytes goes out as dense records, whose bytes have the size and the hash that the result names"
        )
        func large() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("large", "lab output 1999999", effect: .read)
                let (outputs, result) = try await self.read("large", of: fleet)
                #expect(result.outcome == .succeeded)
                let command = try #require(result.commands.first)
                #expect(command.output == nil)
                let bytes = outputs.flatMap(\.bytes)
                #expect(outputs.count > 1)
                #expect(bytes.count == command.outputBytes)
                #expect(command.outputBytes == 2_000_000)
                let hash = SHA256.hash(data: bytes).map { byte in String(byte, radix: 16).leftPadded(to: 2) }.joined()
                #expect(command.outputSHA256 == hash)
                #expect(bytes.elementsEqual(self.printed(2_000_000)), "the bytes differ")
            }
        }

        @Test("streamed output comes while the command runs, and all of it before the result")
        func streamed() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                try await fleet.submit("streamed", "lab output 199999", "lab output 299", effect: .read, stream: true)
                let (outputs, result) = try await self.read("streamed", of: fleet)
                #expect(result.outcome == .succeeded)
                for (index, size) in [200_000, 300].enumerated() {
                    let bytes = outputs.filter { $0.command == index }.flatMap(\.bytes)
                    #expect(bytes.elementsEqual(self.printed(size)), "the bytes differ")
                    #expect(result.commands[index].outputBytes == size)
                }
                #expect(outputs.map(\.command) == outputs.map(\.command).sorted())
            }
        }

        @Test("what a command has printed so far is on the topic while it still runs")
        func live() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker") { $0.drainTimeout = .milliseconds(100) }
                try await fleet.submit("live", "lab output 1000", "lab sleep 600000", effect: .read, stream: true)
                try await fleet.replies.read("output") { _ in
                    try fleet.replies.replies.contains { $0.reply.type == "output" }
                }
                #expect(try fleet.replies.results(of: "live").isEmpty)
            }
        }
    }
}

extension String {
    fileprivate func leftPadded(to length: Int) -> String {
        String(repeating: "0", count: Swift.max(0, length - self.count)) + self
    }
}

extension Integration {
    @Suite("Output while it comes")
    struct StreamedOutput {
        @Test("a slow command's output comes in pieces while it runs, long before a piece is full")
        func slowCommand() async throws {
            try await Fleet.with { fleet in
                try await fleet.startWorkers("worker")
                fleet.device.setFault(.oneByteWrites)
                try await fleet.submit("slow", "lab output 60000", effect: .read, stream: true)
                let result = try await fleet.replies.result(of: "slow")
                #expect(result.outcome == .succeeded)
                let pieces = try fleet.replies.replies.compactMap { received -> Output? in
                    guard case .output(let output) = received.reply else { return nil }
                    return output
                }
                // All of it would have found room in one piece.
                #expect(pieces.count > 1)
                #expect(pieces.reduce(0) { $0 + $1.bytes.count } == result.commands.first?.outputBytes)
                let records = try fleet.replies.replies
                let first = try #require(records.first { $0.reply.type == "output" }?.record.timestamp)
                let last = try #require(records.first { $0.reply.type == "result" }?.record.timestamp)
                #expect(last - first >= 50)
            }
        }

        @Test(
            "a broker too slow for the output holds up that device alone, and loses nothing", arguments: [false, true])
        func slowBroker(isTransactional: Bool) async throws {
            try await Fleet.with(devices: 2) { fleet in
                let name = "slow-\(isTransactional)"
                try await fleet.startWorkers("worker") {
                    $0.kafka.clientID = name
                    // A small queue, so that it fills up; and data that takes its time.
                    $0.kafka.properties = ["queue.buffering.max.kbytes": "256", "compression.type": "none"]
                    if isTransactional { $0.resultDelivery = .exactlyOnce }
                }
                try await fleet.submit("warm", "show clock")
                _ = try await fleet.replies.finished("warm")
                try await fleet.cluster.setFault(.throttle(bytesPerSecond: 400_000), clientID: name)
                try await fleet.submit("flood", to: [fleet.devices[0].name], "lab output 2000000", stream: true)
                try await until("the flood has begun") {
                    fleet.devices[0].commands.contains { $0.command.hasPrefix("lab output") }
                }
                try await fleet.submit("other", to: [fleet.devices[1].name], "show clock")
                #expect(try await fleet.replies.result(of: "other").outcome == .succeeded)
                try await fleet.cluster.setFault(nil, clientID: name)
                let result = try await fleet.replies.result(of: "flood")
                #expect(result.outcome == .succeeded)
                let pieces = try fleet.replies.replies.compactMap { received -> Output? in
                    guard case .output(let output) = received.reply, output.job == "flood" else { return nil }
                    return output
                }
                #expect(pieces.map(\.sequence) == Array(0..<pieces.count))
                #expect(pieces.reduce(0) { $0 + $1.bytes.count } == result.commands.first?.outputBytes)
                #expect(fleet.farm.counters.logins == 2)
            }
        }
    }
}
