import ArgumentParser
import Kafka
import Logging
import Worker

struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics",
        abstract: "Make and check Tether's topics.",
        discussion: """
            Examples:
              tether topics create --partitions 64 --replication-factor 3 --min-insync-replicas 2
              tether topics verify
            """,
        subcommands: [Create.self, Verify.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create the topics that are missing; the others stay as they are.",
            discussion: """
                Choose the partitions of the task topic once: they bound how many workers can share the devices, and adding some later moves devices. \
                Run it again after an upgrade: it adds topics that are new.

                Example: tether topics create --partitions 64 --replication-factor 3 --min-insync-replicas 2
                """
        )

        @OptionGroup var kafka: KafkaOptions
        @OptionGroup var log: LogOptions
        @Option(help: "Partitions of the task topic; the others get a quarter of it, at least 4. Default: 32.")
        var partitions: Int32?
        private static let usualPartitions: Int32 = 32
        @Option(help: "Replicas of each partition; -1 takes the broker's default.")
        var replicationFactor: Int32 = -1
        @Option(help: "min.insync.replicas of each topic. Default: the broker's.")
        var minInsyncReplicas: Int?
        @Flag(help: "Print one JSON object for each topic.")
        var json = false

        func run() async throws {
            let partitions = self.partitions ?? Self.usualPartitions
            guard partitions > 0 else { throw ValidationError("--partitions must be at least 1.") }
            let logger = self.log.quietLogger("tether.topics")
            let found = try await self.kafka.describe(self.kafka.topics.all, logger: logger)
            let admin = try KafkaAdmin(try self.kafka.configuration(), logger: logger)
            var configuration = ["cleanup.policy": "delete"]
            if let minInsyncReplicas { configuration["min.insync.replicas"] = String(minInsyncReplicas) }
            let topics = self.kafka.topics.all.map { name in
                KafkaAdmin.Topic(
                    name: name,
                    partitions: name == self.kafka.topics.tasks ? partitions : max(4, partitions / 4),
                    replicationFactor: self.replicationFactor,
                    configuration: configuration
                )
            }
            let outcome: [String: KafkaAdmin.Creation]
            do {
                outcome = try await admin.create(topics)
            } catch {
                await admin.close()
                throw error
            }
            await admin.close()
            for topic in topics {
                let isNew = outcome[topic.name] == .created
                guard self.json else {
                    let count = found[topic.name]?.partitions
                    let wanted =
                        self.partitions == nil || topic.partitions == count
                        ? "" : ", not \(topic.partitions): left as it is"
                    let existing = "exists" + (count.map { ", \($0) partitions\(wanted)" } ?? "")
                    Console.line("\(topic.name)  \(isNew ? "created, \(topic.partitions) partitions" : existing)")
                    continue
                }
                Console.json { writer in
                    writer.object { writer in
                        writer.field("topic", topic.name)
                        writer.field("created", bool: isNew)
                    }
                }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that the topics exist.",
            discussion: """
                Exit status: 0 all are there; 1 one is missing; 69 Kafka can't be reached.

                Example: tether topics verify --json
                """
        )

        @OptionGroup var kafka: KafkaOptions
        @OptionGroup var log: LogOptions
        @Flag(help: "Print one JSON object for each topic.")
        var json = false

        func run() async throws {
            let found = try await self.kafka.describe(
                self.kafka.topics.all, logger: self.log.quietLogger("tether.topics"))
            self.json ? self.printJSON(found) : self.print(found)
            guard self.kafka.topics.all.allSatisfy({ found[$0] != nil }) else { throw ExitStatus.failed.code }
        }

        private func print(_ found: [String: KafkaAdmin.TopicDescription]) {
            var table = Table([.init("topic"), .init("partitions", .right), .init("replicas", .right), .init("")])
            for name in self.kafka.topics.all {
                guard let topic = found[name] else {
                    table.add([.init(name), "", "", .init("missing", .bad)])
                    continue
                }
                let warning = "one replica: the loss of one broker loses jobs and results"
                table.add([
                    .init(name), "\(topic.partitions)", "\(topic.replicationFactor)",
                    topic.replicationFactor == 1 ? .init(warning, .warning) : "",
                ])
            }
            table.print()
        }

        private func printJSON(_ found: [String: KafkaAdmin.TopicDescription]) {
            for name in self.kafka.topics.all {
                Console.json { writer in
                    writer.object { writer in
                        writer.field("topic", name)
                        writer.field("exists", bool: found[name] != nil)
                        guard let topic = found[name] else { return }
                        writer.field("partitions", topic.partitions)
                        writer.field("replicas", topic.replicationFactor)
                    }
                }
            }
        }
    }
}
