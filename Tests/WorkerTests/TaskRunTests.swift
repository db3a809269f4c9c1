import Devices
import Jobs
import Kafka
import Testing

@testable import Worker

@Suite("What is known of a running task")
struct TaskRunTests {
    @Test(
        "a result fits into a record, however many commands the job has and however long they are",
        arguments: [(1_000, 900, 500), (1_000, 20, 600), (15, 60_000, 40_000), (1_000, 900, 0)])
    func resultFits(count: Int, commandLength: Int, outputLength: Int) throws {
        let command = String(repeating: "\"", count: commandLength / 2)
        let task = DeviceTask(
            id: "j/d", job: "j", device: "d", operation: .run([Command(command)]), effect: .read, deadline: 0,
            submitted: 0, replyTo: "r",
            labels: Dictionary(
                uniqueKeysWithValues: (0..<64).map { ("label-\($0)", String(repeating: "x", count: 1_000)) })
        )
        var run = TaskRun(
            assigned: AssignedTask(
                task: task, partition: TopicPartition("t", 0), offset: 0, grant: 1, mayHaveRun: false, taken: .now,
                now: 0, maximumDeadline: .seconds(3_600)),
            inlineLimit: 512 * 1024)
        let output = [UInt8](repeating: UInt8(ascii: "x"), count: outputLength)
        for _ in 0..<count {
            var outcome = CommandOutcome(command: command, outcome: .succeeded, elapsed: .milliseconds(3))
            outcome.outputBytes = output.count
            if run.takeInlineRoom(for: output, of: command) {
                outcome.output = output
            } else {
                outcome.outputSHA256 = String(repeating: "0", count: 64)
            }
            run.commands.append(outcome)
        }
        let route = ReplyRoute(
            topic: "r", partition: nil, echo: [EchoedHeader("e", [UInt8](repeating: 1, count: 32_000))])
        let record = route.record(for: .result(run.result(.succeeded)), job: "j")
        #expect(record.size <= ProducerRecord.maximumSize)
        guard case .result(let result) = try Reply(decoding: #require(record.value)) else { return }
        #expect(result.commands.count == count)
    }
}
