import ArgumentParser
import Kafka
import Logging
import Worker

struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics",
        abstract: "Make and check Tether's topics.",
        subcommands: [Create.self, Verify.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create the topics that are missing; the others stay as they are.",
            discussion:
                "Choose the partitions of the task topic once: they bound how many workers can share the devices, and adding some later moves devices."
        )

        @OptionGroup var kafka: KafkaOptions
        @OptionGroup var log: LogOptions
        @Option(help: "Partitions of the task topic; the others get a quarter of it, at least 4.")
        var partitions: Int32 = 32
        @Option(help: "Replicas of each partition; -1 takes the broker's default.")
        var replicationFactor: Int32 = -1
        @Option(help: "min.insync.replicas of each topic.")
        var minInsyncReplicas: Int?

        func run() async throws {
            guard self.partitions > 0 else { throw ValidationError("--partitions must be at least 1.") }
            let admin = try KafkaAdmin(try self.kafka.configuration(), logger: self.log.logger("tether.topics"))
            var configuration = ["cleanup.policy": "delete"]
            if let minInsyncReplicas { configuration["min.insync.replicas"] = String(minInsyncReplicas) }
            let topics = self.kafka.topics.all.map { name in
                KafkaAdmin.Topic(
                    name: name,
                    partitions: name == self.kafka.topics.tasks ? self.partitions : max(4, self.partitions / 4),
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
                print(
                    "\(topic.name)  \(outcome[topic.name] == .created ? "created, \(topic.partitions) partitions" : "exists")"
                )
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that the topics exist. Exit status 1 when one is missing.")

        @OptionGroup var kafka: KafkaOptions
        @OptionGroup var log: LogOptions

        func run() async throws {
            let admin = try KafkaAdmin(try self.kafka.configuration(), logger: self.log.logger("tether.topics"))
            let found: [String: KafkaAdmin.TopicDescription]
            do {
                found = try await admin.describe(nil)
            } catch {
                await admin.close()
                throw error
            }
            await admin.close()
            var isComplete = true
            for name in self.kafka.topics.all {
                if let topic = found[name] {
                    print("\(name)  \(topic.partitions) partitions, \(topic.replicationFactor) replicas")
                    if topic.replicationFactor == 1 {
                        print("  warning: one replica; the loss of one broker loses jobs and results")
                    }
                } else {
                    isComplete = false
                    print("\(name)  missing")
                }
            }
            if !isComplete { throw ExitCode(1) }
        }
    }
}
