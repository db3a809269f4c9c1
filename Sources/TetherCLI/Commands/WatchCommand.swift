import ArgumentParser
import Foundation
import Jobs
import Kafka
import Worker

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Follow the replies to jobs, or what happens to devices' sessions.",
        discussion: """
            `tether watch JOB…` is short for `tether watch jobs JOB…`.

            Examples:
              tether watch nightly-2026-11-22 --until-finished
              tether watch --all --outcome failed --outcome unknown
              tether watch events --type 'session.*' --device 'core-*' --since 10m
            """,
        subcommands: [Jobs.self, Events.self],
        defaultSubcommand: Jobs.self
    )

    struct Jobs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "jobs",
            abstract: "Follow the replies to jobs.",
            discussion: """
                Jobs that are named are followed from their first reply on; --all shows what comes from now on. One line for each record; --output \
                shows what commands printed too. Patterns are those of the shell: *, ? and [a-z].

                Goes on until Ctrl-C, unless --until-finished or --timeout ends it. Exit status with --until-finished: as of `tether submit`, of the \
                worst job; 124 after --timeout; 130 after Ctrl-C.

                Examples:
                  tether watch jobs nightly-2026-11-22 --until-finished
                  tether watch jobs nightly-2026-11-22 --output --device core-1
                  tether watch jobs --all --outcome failed --json | jq -r .device
                """
        )

        @Argument(help: ArgumentHelp("Ids of jobs.", valueName: "job"))
        var jobs: [String] = []
        @Flag(help: "Replies to all jobs.")
        var all = false
        @OptionGroup var filter: RecordFilter
        @Option(
            name: .customLong("outcome"), help: "Only results with this outcome. May be repeated.")
        var outcomes: [Outcome] = []
        @Flag(help: "Commands' output too.")
        var output = false
        @Flag(help: "End when all of these jobs are over.")
        var untilFinished = false
        @Option(help: ArgumentHelp("Topic of the replies. Default: Tether's own result topic.", valueName: "topic"))
        var topic: String?
        @OptionGroup var watch: WatchOptions
        @OptionGroup(title: "Kafka") var kafka: KafkaOptions
        @OptionGroup var log: LogOptions

        func validate() throws {
            guard self.all == self.jobs.isEmpty else {
                throw ValidationError(
                    self.all ? "Give either ids of jobs or --all." : "Which jobs? Give their ids, or --all.")
            }
            guard !self.untilFinished || !self.all else {
                throw ValidationError("--until-finished needs the ids of the jobs.")
            }
        }

        func run() async throws {
            var printer = ReplyPrinter()
            printer.asJSON = self.watch.json
            printer.showsOutput = self.output
            printer.showsCourse = true
            printer.showsJob = self.jobs.count != 1
            var tallies = Dictionary(self.jobs.map { ($0, JobTally(job: $0)) }) { first, _ in first }
            let status = try await self.watch.read(
                self.topic ?? self.kafka.topics.results, of: self.kafka, self.log,
                from: self.watch.start(else: self.all ? .end : .beginning)
            ) { record in
                guard let value = record.value, let reply = try? Reply(decoding: value),
                    self.all || tallies[reply.job] != nil
                else { return false }
                // A second terminal record of a task is shown to programs only.
                let isNew = tallies[reply.job]?.take(reply) ?? true
                if isNew || printer.asJSON, self.shows(reply) { Console.write(printer.text(of: reply, record: value)) }
                return self.untilFinished && tallies.values.allSatisfy(\.isOver)
            }
            guard status == .success else { throw status.code }
            // The order of the table of exit statuses is not one of badness.
            let worst = [ExitStatus.unknownOutcome, .refused, .failed, .timedOut].first { status in
                tallies.values.contains { $0.status == status }
            }
            if let worst { throw worst.code }
        }

        private func shows(_ reply: Reply) -> Bool {
            guard self.filter.matches(type: reply.type, device: reply.device) else { return false }
            guard !self.outcomes.isEmpty else { return true }
            guard case .result(let result) = reply else { return false }
            return self.outcomes.contains(result.outcome)
        }
    }

    struct Events: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "events",
            abstract: "Follow what happens to devices' sessions.",
            discussion: """
                Types: session.opened, session.closed, session.lost, device.unreachable, device.recovered, hostkey.changed, credential.locked, \
                inventory.changed, inventory.refused. Patterns are those of the shell: *, ? and [a-z]. Times are local.

                Goes on until Ctrl-C (exit status 130) or --timeout (124).

                Examples:
                  tether watch events
                  tether watch events --type 'device.*' --device 'access-*' --since 2h
                  tether watch events --type hostkey.changed --json
                """
        )

        @OptionGroup var filter: RecordFilter
        @OptionGroup var watch: WatchOptions
        @OptionGroup(title: "Kafka") var kafka: KafkaOptions
        @OptionGroup var log: LogOptions

        func run() async throws {
            let printer = EventPrinter(stream: Console.output)
            let status = try await self.watch.read(
                self.kafka.topics.events, of: self.kafka, self.log, from: self.watch.start(else: .end)
            ) { record in
                guard let value = record.value, let event = try? Event(decoding: value),
                    self.filter.matches(type: event.type, device: event.device)
                else { return false }
                Console.write(self.watch.json ? value + [UInt8(ascii: "\n")] : Array(printer.line(event).utf8))
                return false
            }
            throw status.code
        }
    }
}

extension Outcome: ExpressibleByArgument {}
