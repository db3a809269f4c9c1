import ArgumentParser
import Devices
import Foundation
import Jobs
import Worker

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Hold job files against the contract, without Kafka and without devices.",
        discussion: """
            Reads JSON and YAML. With --inventory it tells too which devices the targets stand for, which stand for nothing, and whether the job \
            only reads on each platform, and with --policy what workers would refuse. Problems go to standard error as FILE:LINE: FIELD: …; a warning alone is no failure.

            Exit status: 0 every job is right; 1 some aren't; 64 wrong command line; 65 the inventory or policy can't be used.

            Examples:
              tether validate job.yaml
              tether validate jobs/*.json --inventory ./inventory --policy policy.yaml
              generate-job | tether validate - --json
            """
    )

    @Argument(
        help: ArgumentHelp("Job files; - reads standard input.", valueName: "file"),
        completion: .file(extensions: ["json", "yaml", "yml"]))
    var files: [String]
    @Option(
        help: ArgumentHelp("Inventory file or directory.", valueName: "path"), completion: .file())
    var inventory: String?
    @Option(
        help: ArgumentHelp("Directory with platform definitions of your own.", valueName: "path"),
        completion: .directory)
    var platforms: String?
    @Option(
        help: ArgumentHelp("Policy file: tells too what workers with this policy would refuse.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var policy: String?
    @Option(
        help: ArgumentHelp(
            "The topic that the jobs are meant for. Default: the policy's only one, or tether.jobs.", valueName: "topic"
        ))
    var topic: String?
    @Flag(help: "Take user@host:port targets that are not in the inventory, as workers do with this option.")
    var allowAdHocTargets = false
    @Flag(help: "Print one JSON object for each file.")
    var json = false
    @OptionGroup var log: LogOptions

    func validate() throws {
        guard self.inventory != nil || (self.platforms == nil && !self.allowAdHocTargets && self.policy == nil) else {
            throw ValidationError("--platforms, --policy and --allow-ad-hoc-targets go with --inventory.")
        }
        guard self.policy != nil || self.topic == nil else { throw ValidationError("--topic goes with --policy.") }
        guard self.files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("Standard input can be read once.")
        }
    }

    func run() async throws {
        var client: DeviceClient?
        if let path = self.inventory {
            let inventory = try await Inventory.load(path: path)
            client = try DeviceClient(
                DeviceClient.Configuration(inventory: inventory, platformDirectory: self.platforms),
                logger: self.log.quietLogger("tether.validate"))
        }
        let inspections = self.inspections(client, try self.topicPolicy())
        var isRight = true
        for file in self.files {
            let report = Self.inspect(file, inspections)
            if report.problems.contains(where: { $0.severity == .error }) { isRight = false }
            self.json ? report.printJSON() : report.print()
        }
        await client?.shutDown()
        if !isRight { throw ExitStatus.failed.code }
    }

    /// In this order. Each kind of inspection that there is stands here, and nowhere else.
    private func inspections(_ client: DeviceClient?, _ policy: TopicPolicy?) -> [any JobInspection] {
        var inspections: [any JobInspection] = [FieldInspection()]
        guard let client else { return inspections }
        let devices = InventoryInspection(client: client, allowsAdHocTargets: self.allowAdHocTargets)
        inspections.append(devices)
        if let policy { inspections.append(PolicyInspection(topic: policy, devices: devices)) }
        return inspections
    }

    private func topicPolicy() throws -> TopicPolicy? {
        guard let policy else { return nil }
        let topics: [String: TopicPolicy]
        do throws(PolicyError) {
            topics = try PolicySource(path: policy).current.topics
        } catch {
            throw CommandFailure(.invalidInput, error.description)
        }
        let name = self.topic ?? (topics.count == 1 ? topics.keys.first : nil) ?? TopicNames().jobs
        guard let topic = topics[name] else {
            throw CommandFailure(
                .invalidInput,
                "\(policy) has no rules for jobs from \(name), but for \(topics.keys.sorted().joined(separator: ", "))."
            )
        }
        return topic
    }

    private static func inspect(_ file: String, _ inspections: [any JobInspection]) -> JobFileReport {
        do {
            let document = try JobDocument(path: file)
            var report = JobFileReport(file: document.name)
            let job: Job
            do {
                job = try document.job()
            } catch {
                report.findings.problems.append(error)
                return report
            }
            report.job = job
            for inspection in inspections { report.findings.add(inspection.inspect(job, in: document)) }
            return report
        } catch let problem as Problem {
            var report = JobFileReport(file: problem.file)
            report.findings.problems.append(problem)
            return report
        } catch {
            var report = JobFileReport(file: file)
            report.findings.problems.append(Problem(file: file, message: "\(error)"))
            return report
        }
    }
}
