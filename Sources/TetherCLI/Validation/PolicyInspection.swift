import Devices
import Jobs
import Worker

/// What a policy says of the job on each of its devices, as the router would ask it.
struct PolicyInspection: JobInspection {
    let topic: TopicPolicy
    let devices: InventoryInspection

    /// Devices that are named with one reason; the others are counted.
    private static let maximumNames = 3

    func inspect(_ job: Job, in document: JobDocument) -> JobFindings {
        var findings = JobFindings()
        let client = self.devices.client
        let resolution = client.inventory.resolve(job.targets)
        func add(_ field: String, _ message: String) {
            findings.problems.append(
                Problem(
                    file: document.name, line: FieldPath(field).flatMap { document.line(of: $0) },
                    code: ErrorCode.policyDenied.code, message: "\(field): \(message)"))
        }
        let count = resolution.devices.count + (self.devices.allowsAdHocTargets ? resolution.adHoc.count : 0)
        if let limit = self.topic.limits.devices, count > limit {
            add("targets", "the policy allows \(limit) devices in one job, and it has \(count) (limits.devices)")
        }
        if let topic = job.replyTo, let allowed = self.topic.replyTopics,
            !allowed.contains(where: { $0.matches(topic) })
        {
            add("reply_to", "the policy allows no replies to \(topic)")
        }
        var refused: [(message: String, devices: [String])] = []
        func judge(_ name: String, _ platforms: Set<String>, _ target: PolicyTarget) {
            for platform in platforms.sorted() {
                // A sequence that is missing has been told of already.
                guard let operation = try? self.devices.resolved(job.operation, on: platform),
                    let denial = self.topic.denial(
                        of: operation, on: PolicyPlatform(platform, client.platform(named: platform)),
                        with: job.credential, target)
                else { continue }
                if let index = refused.firstIndex(where: { $0.message == denial.message }) {
                    refused[index].devices.append(name)
                } else {
                    refused.append((denial.message, [name]))
                }
                return
            }
        }
        for name in resolution.devices {
            guard let device = client.inventory[name] else { continue }
            judge(
                name, [job.platform ?? device.platform, device.platform], PolicyTarget(device, in: client.inventory))
        }
        if self.devices.allowsAdHocTargets {
            for target in resolution.adHoc {
                let device = client.device(for: target, platform: job.platform)
                judge(target.expression, [device.platform], PolicyTarget(target, in: client.inventory))
            }
        }
        for (message, devices) in refused {
            let names = devices.prefix(Self.maximumNames).joined(separator: ", ")
            let more = devices.count - Self.maximumNames
            add("operation", "\(message) (\(names)\(more > 0 ? " and \(more) more" : ""))")
        }
        return findings
    }
}
