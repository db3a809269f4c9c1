import ArgumentParser
import Foundation
import Kafka

/// From where a topic is read, and for how long.
struct WatchOptions: ParsableArguments {
    @Flag(help: "From the beginning of the topic.")
    var fromBeginning = false
    @Option(
        help: ArgumentHelp("From so long ago on: 30s, 10m, 2h.", valueName: "time"))
    var since: TimeSpan?
    @Flag(help: "Only what comes from now on.")
    var fromNow = false
    @Option(help: ArgumentHelp("End after so long, with exit status 124.", valueName: "time"))
    var timeout: TimeSpan?
    @Flag(help: "Print records, one JSON object a line, and nothing else.")
    var json = false

    func validate() throws {
        guard [self.fromBeginning, self.since != nil, self.fromNow].count(where: \.self) <= 1 else {
            throw ValidationError("Give one of --from-beginning, --since and --from-now.")
        }
    }

    /// - Parameter usual: where none of the options is given.
    func start(else usual: KafkaReader.Start) -> KafkaReader.Start {
        if self.fromBeginning { return .beginning }
        if self.fromNow { return .end }
        guard let since else { return usual }
        return .since(Int64(Date().timeIntervalSince1970 * 1000) - Int64((since.duration / .milliseconds(1)).rounded()))
    }

    /// Reads until `take` says that it is enough, the time-out passes, or Ctrl-C is pressed.
    /// - Returns: why it ended.
    func read(
        _ topic: String, of kafka: KafkaOptions, _ log: LogOptions, from start: KafkaReader.Start,
        _ take: (KafkaRecord) throws -> Bool
    ) async throws -> ExitStatus {
        let logger = log.quietLogger("tether.watch")
        try await kafka.check([topic], logger: logger)
        let reader = try await KafkaReader(try kafka.configuration(), topic: topic, from: start, logger: logger)
        let interruptions = Interruptions()
        defer { interruptions.stop() }
        do {
            let status = try await self.read(reader, interruptions, take)
            await reader.close()
            return status
        } catch {
            await reader.close()
            throw error
        }
    }

    private func read(
        _ reader: KafkaReader, _ interruptions: Interruptions, _ take: (KafkaRecord) throws -> Bool
    ) async throws -> ExitStatus {
        let deadline = self.timeout.map { ContinuousClock.now + $0.duration }
        while !interruptions.hasBegun {
            guard deadline.map({ .now < $0 }) ?? true else { return .timedOut }
            for record in try await reader.next(timeout: .milliseconds(250)) where try take(record) { return .success }
        }
        return .interrupted
    }
}
