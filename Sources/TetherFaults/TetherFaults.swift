import ArgumentParser
import Foundation
import Logging

/// `tether-faults`: random faults on a fleet at work, then a verdict from what the devices and the topics hold.
@main
struct TetherFaults: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tether-faults",
        abstract: "Run a fleet under random faults and check afterwards that every promise was kept.",
        discussion: """
            Several worker processes, a broker behind a proxy, and simulated devices. Workers are killed, stopped, frozen and cut off, the broker is \
            restarted, devices reboot, fall silent and slow down, while jobs keep coming. Then the devices' own logs and the topics are compared: \
            what was accepted, executed, answered and finished, how often, in which order and when.

            The exit status is 0 only if no promise was broken; the last line sums up. The same seed gives the same schedule.
            """
    )

    @Option(help: "Seed of the schedule; a random one by default.")
    var seed: UInt64?

    @Option(
        help:
            "How long faults go on. A run is cut into rounds, each with a fresh broker, and each is checked by itself.")
    var minutes = 5.0

    @Option(help: "Length of a round in seconds, at most.")
    var round = 150.0

    @Option(help: "Worker processes.")
    var workers = 3

    @Option(help: "Simulated devices.")
    var devices = 40

    @Option(help: "Jobs a second, each for a few devices.")
    var rate = 4.0

    @Option(help: "results.delivery of the workers: at_least_once, exactly_once, or both in turn.")
    var delivery = "both"

    @Option(
        help: ArgumentHelp(
            "Only these kinds of faults, separated by commas: \(Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "kinds"))
    var faults: String?

    @Option(help: "Path of the development broker.")
    var broker = ".build-tools/venv/bin/noida-db"

    @Option(help: "Folder for logs; kept when something was broken.")
    var folder: String?

    @Flag(help: "Tell each fault as it happens.")
    var verbose = false

    func validate() throws {
        guard self.minutes > 0, self.round >= 10, self.workers > 0, self.devices > 0, self.rate > 0 else {
            throw ValidationError("All numbers must be above zero, and a round at least 10 s.")
        }
        guard self.delivery == "both" || Delivery(rawValue: self.delivery) != nil else {
            throw ValidationError("--delivery takes at_least_once, exactly_once or both.")
        }
    }

    private func chosenFaults() throws -> Set<Fault.Kind> {
        guard let faults else { return Set(Fault.Kind.allCases) }
        return try Set(
            faults.split(separator: ",").map { word in
                let name = word.trimmingCharacters(in: .whitespaces)
                guard let kind = Fault.Kind(rawValue: name) else {
                    throw ValidationError("There is no fault named \(name).")
                }
                return kind
            })
    }

    func run() async throws {
        LoggingSystem.bootstrap { [verbose] label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = verbose && label == "proxy" ? .info : .critical
            return handler
        }
        let faults = try self.chosenFaults()
        let seed = self.seed ?? .random(in: 0...999_999)
        let folder = URL(
            fileURLWithPath: self.folder
                ?? FileManager.default.temporaryDirectory.appendingPathComponent("tether-faults-\(seed)").path)
        let rounds = max(1, Int((self.minutes * 60 / self.round).rounded(.up)))
        let seconds = self.minutes * 60 / Double(rounds)
        say("seed \(seed): \(rounds) rounds of \(Int(seconds)) s, \(self.workers) workers, \(self.devices) devices")
        var total = Figures()
        var broken: [String] = []
        for number in 0..<rounds {
            let delivery = Delivery(rawValue: self.delivery) ?? (number.isMultiple(of: 2) ? .atLeastOnce : .exactlyOnce)
            let settings = Round.Settings(
                seed: seed &+ UInt64(number) &* 1_000_003,
                duration: .milliseconds(Int64(seconds * 1_000)),
                workers: self.workers,
                devices: self.devices,
                rate: self.rate,
                delivery: delivery,
                faults: faults,
                broker: self.broker,
                folder: folder.appendingPathComponent("round-\(number + 1)"),
                isVerbose: self.verbose
            )
            let verdict = try await Round.run(settings)
            total.add(verdict.figures)
            broken += verdict.violations.map { "round \(number + 1): \($0)" }
            say("round \(number + 1) (\(delivery.rawValue)): \(verdict.figures)")
            for violation in verdict.violations.prefix(20) { say("  BROKEN: \(violation)") }
        }
        if broken.isEmpty {
            try? FileManager.default.removeItem(at: folder)
            say("OK: \(total)")
        } else {
            say("logs are in \(folder.path)")
            say("BROKEN \(broken.count) times with seed \(seed): \(total)")
            throw ExitCode(1)
        }
    }
}

/// What the workers promise about duplicates of terminal records.
enum Delivery: String, Sendable {
    case atLeastOnce = "at_least_once"
    case exactlyOnce = "exactly_once"
}

/// A line of the report, at once: runs are long, and their output often goes to a file.
func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

struct HarnessError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
