import Devices
import Jobs
import Kafka
import Testing

@testable import Worker

@Suite("Secrets in records")
struct RefusedSecretTests {
    private func plan(_ json: String) throws -> [ProducerRecord] {
        let planner = JobPlanner(
            configuration: WorkerConfiguration(
                kafka: KafkaConfiguration(bootstrapServers: "unused:9092"), name: "worker-1"),
            inventory: try Inventory(devices: [Device(name: "r1", host: "192.0.2.1", platform: "linux")]),
            taskPartitions: 8,
            isReadOnly: { _, _ in true }
        )
        let record = KafkaRecord(
            topicPartition: TopicPartition("tether.jobs", 3), offset: 17, timestamp: 1_000_000, key: Array("k".utf8),
            value: Array(json.utf8), headers: [KafkaHeader("x", "hunter2")])
        return try planner.plan(record, now: 5) { _ in 4 }.records
    }

    @Test(
        "of a job that is refused for a secret in plain text, the dead letter keeps the origin and nothing else",
        arguments: [
            #""credential": {"user": "a", "password": "hunter2"}"#, #""password": "hunter2""#,
            #""targets": ["a:hunter2@r1"]"#,
            // Another mistake is found first.
            #""targets": [], "credential": {"password": "hunter2"}"#,
            #""operation": {"type": "upload", "source": {"url": "http://a:hunter2@h/", "sha256": "x"}, "remote_path": "y"}"#,
        ])
    func deadLetter(member: String) throws {
        var members = [#""id": "j""#, member]
        if !member.contains("targets") { members.append(#""targets": ["r1"]"#) }
        if !member.contains("operation") { members.append(#""operation": {"type": "probe"}"#) }
        let records = try self.plan("{\(members.joined(separator: ", "))}")
        #expect(records.map(\.topic) == ["tether.dead-letters", "tether.results"])
        let letter = try #require(records.first)
        #expect(letter.value == nil && letter.key == nil)
        #expect(letter.headers.contains(KafkaHeader("tether-value-kept", "false")))
        #expect(letter.headers.contains(KafkaHeader("tether-origin-offset", "17")))
        for record in records {
            let all = (record.value ?? []) + record.headers.flatMap { $0.value ?? [] }
            #expect(!String(decoding: all, as: UTF8.self).contains("hunter2"))
        }
    }

    @Test("a task carries a sealed credential as it came")
    func sealed() throws {
        let records = try self.plan(
            #"{"targets": ["r1"], "operation": {"type": "probe"}, "credential": {"sealed": "1.0123456789abcdef.AAAA.BBBB"}}"#
        )
        let task = try DeviceTask(decoding: try #require(records.last?.value))
        #expect(task.credential == .sealed("1.0123456789abcdef.AAAA.BBBB"))
    }
}
