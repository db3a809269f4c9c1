import Devices
import Jobs

/// What the job comes to with an inventory: devices, unknown names, and the effect on each platform, as the router would derive them.
struct InventoryInspection: JobInspection {
    let client: DeviceClient
    let allowsAdHocTargets: Bool

    func inspect(_ job: Job, in document: JobDocument) -> JobFindings {
        let inventory = self.client.inventory
        var findings = JobFindings()
        let resolution = inventory.resolve(job.targets)
        findings.unknown = resolution.unknown
        for name in resolution.unknown {
            findings.problems.append(
                self.problem(
                    job, document, name, code: .targetUnknown,
                    "nothing in the inventory has the name \(name)\(self.suggestion(for: name, inventory))"))
        }
        if !self.allowsAdHocTargets {
            for target in resolution.adHoc {
                findings.problems.append(
                    self.problem(
                        job, document, target.expression, code: .targetRefused,
                        "\(target.expression) is no device of the inventory; workers take addresses only with --allow-ad-hoc-targets"
                    ))
            }
        }
        var counts: [String: Int] = [:]
        for name in resolution.devices {
            if let device = inventory[name] { counts[job.platform ?? device.platform, default: 0] += 1 }
        }
        if self.allowsAdHocTargets {
            for target in resolution.adHoc {
                counts[self.client.device(for: target, platform: job.platform).platform, default: 0] += 1
            }
        }
        findings.devices = counts.values.reduce(0, +)
        for (platform, count) in counts.sorted(by: { $0.key < $1.key }) {
            do {
                let operation = try self.resolved(job.operation, on: platform)
                findings.plans.append(self.plan(job, operation, platform, count))
            } catch {
                findings.problems.append(
                    Problem(
                        file: document.name, line: FieldPath("operation.name").flatMap { document.line(of: $0) },
                        code: ErrorCode.operationUnsupported.code,
                        message:
                            "operation.name: the inventory has no sequence \(error.name) for the platform \(platform) (\(count) device\(count == 1 ? "" : "s"))"
                    ))
            }
        }
        return findings
    }

    private func plan(_ job: Job, _ operation: Operation, _ platform: String, _ devices: Int)
        -> JobFindings.PlatformPlan
    {
        var changes: [String] = []
        let derived = operation.defaultEffect { command in
            let reads = self.client.isReadOnly(command, platform: platform)
            if !reads, !changes.contains(command) { changes.append(command) }
            return reads
        }
        return .init(
            platform: platform, devices: devices, effect: job.effect ?? derived,
            changes: job.effect == nil ? changes : [])
    }

    /// With the commands of sequences in place of their names.
    func resolved(_ operation: Operation, on platform: String) throws(Operation.MissingSequence) -> Operation {
        try operation.withSequences { self.client.sequence(named: $0, platform: platform) }
    }

    private func problem(
        _ job: Job, _ document: JobDocument, _ target: String, code: ErrorCode, _ message: String
    ) -> Problem {
        let index = job.targets.firstIndex(of: target)
        let line = index.flatMap { FieldPath("targets[\($0)]") }.flatMap { document.line(of: $0) }
        return Problem(
            file: document.name, line: line, code: code.code,
            message: "\(index.map { "targets[\($0)]" } ?? "targets"): \(message)")
    }

    private func suggestion(for name: String, _ inventory: Inventory) -> String {
        let prefix = ["group:", "tag:"].first { name.hasPrefix($0) } ?? ""
        let candidates: [String] =
            switch prefix {
            case "group:": inventory.groupNames
            case "tag:": Array(Set(inventory.deviceNames.flatMap { inventory[$0]?.tags ?? [] }))
            default: inventory.deviceNames
            }
        let nearest = Suggestion.closest(to: String(name.dropFirst(prefix.count)), among: candidates)
        return nearest.map { " (did you mean \(prefix)\($0)?)" } ?? ""
    }
}
