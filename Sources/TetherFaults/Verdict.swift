import Foundation
import Lab

/// What the evidence says about the promises.
struct Verdict: Sendable {
    private(set) var violations: [String] = []
    private(set) var figures = Figures()

    /// Later than its deadline by more than this, no terminal record may come.
    static let bound: Duration = .seconds(30)
    /// How long after the end of an absence the other side may still see its consequences.
    private static let slack: Int64 = 15_000

    init(_ evidence: Evidence) {
        self.figures.jobs = evidence.jobs.count
        self.figures.tasks = evidence.jobs.map(\.devices.count).reduce(0, +)
        self.figures.faults = evidence.faults
        if evidence.unreadable > 0 { self.broken("\(evidence.unreadable) records of the reply topic can't be read") }
        for letter in evidence.deadLetters { self.broken("a dead letter: \(letter)") }
        for crash in evidence.crashes { self.broken(crash) }
        self.checkReplies(evidence)
        self.checkDevices(evidence)
    }

    private mutating func broken(_ text: String) { self.violations.append(text) }

    // MARK: Topics

    /// Each job has one `accepted`, one terminal record for each device, one `finished`, in this order and in time.
    private mutating func checkReplies(_ evidence: Evidence) {
        let replies = Dictionary(grouping: evidence.replies, by: \.job)
        let mayRepeat = evidence.delivery == .atLeastOnce
        for job in evidence.jobs {
            let own = (replies[job.id] ?? []).sorted { $0.offset < $1.offset }
            if Set(own.map(\.partition)).count > 1 { self.broken("\(job.id): its replies are on several partitions") }
            let accepted = own.filter { $0.type == "accepted" }
            if accepted.count != 1 { self.broken("\(job.id): \(accepted.count) `accepted`") }
            if let tasks = accepted.first?.tasks, tasks != job.devices.count {
                self.broken("\(job.id): accepted with \(tasks) tasks, asked for \(job.devices.count)")
            }
            let results = own.filter { $0.type == "result" }
            for device in job.devices {
                let ends = results.filter { $0.device == device }
                guard let first = ends.first else {
                    self.broken("\(job.id) on \(device): no terminal record")
                    continue
                }
                self.note(first, of: job)
                self.figures.redelivered += ends.count - 1
                if !mayRepeat, ends.count > 1 {
                    self.broken("\(job.id) on \(device): \(ends.count) terminal records")
                }
                self.checkMarks(ends, of: job, on: device, evidence.absences)
            }
            let strangers = Set(results.compactMap(\.device)).subtracting(job.devices)
            if !strangers.isEmpty { self.broken("\(job.id): results for \(strangers)") }
            self.checkEnd(of: job, own)
        }
        let unknown = Set(replies.keys).subtracting(evidence.jobs.map(\.id))
        if !unknown.isEmpty { self.broken("replies for jobs that nobody sent: \(unknown.sorted().prefix(5))") }
    }

    /// All terminal records of a task but one say that they may be repetitions. The one that doesn't is the first, but for a worker that was cut off
    /// with its result on the way: the network brings that one when it heals, after its successor's.
    private mutating func checkMarks(
        _ ends: [SeenReply], of job: SubmittedJob, on device: String, _ absences: [Absence]
    ) {
        let unmarked = ends.indices.filter { !ends[$0].isRedelivered }
        guard let last = unmarked.last, last > 0 else { return }
        let made = ends[last].timestamp
        let wasHeldUp = absences.contains { $0.unsentFrom - 1_000 <= made && made <= $0.to }
        if unmarked.count > 1 || !wasHeldUp {
            self.broken(
                "\(job.id) on \(device): a second terminal record without `redelivered`; unmarked are \(unmarked) of \(ends.count)"
            )
        }
    }

    private mutating func note(_ end: SeenReply, of job: SubmittedJob) {
        self.figures.outcomes[end.outcome ?? "none", default: 0] += 1
        self.figures.latencies.append(end.timestamp - job.submitted)
        let lateness = end.timestamp - job.submitted - Int64(job.deadline / .milliseconds(1))
        self.figures.worstLateness = max(self.figures.worstLateness, lateness)
        if lateness > Int64(Self.bound / .milliseconds(1)) {
            self.broken("\(job.id) on \(end.device ?? "?"): its terminal record came \(lateness) ms after its deadline")
        }
    }

    private mutating func checkEnd(of job: SubmittedJob, _ own: [SeenReply]) {
        let finished = own.filter { $0.type == "finished" }
        guard finished.count == 1, let end = finished.first else {
            self.broken("\(job.id): \(finished.count) `finished`")
            return
        }
        var ends: [String: [SeenReply]] = [:]
        for result in own where result.type == "result" { ends[result.device ?? "", default: []].append(result) }
        for (device, results) in ends where results[0].offset > end.offset {
            self.broken("\(job.id): `finished` before the result of \(device)")
        }
        // A worker that dies between a result and its note for the collector leaves a second result, and `finished` may count either.
        for outcome in Set(ends.values.joined().compactMap(\.outcome)) {
            let sure = ends.values.count { $0.allSatisfy { $0.outcome == outcome } }
            let possible = ends.values.count { $0.contains { $0.outcome == outcome } }
            let count = end.counts[outcome] ?? 0
            if !(sure...possible).contains(count) {
                self.broken("\(job.id): `finished` counts \(count) \(outcome), there are \(sure) to \(possible)")
            }
        }
        let sum = ["succeeded", "failed", "unknown", "cancelled", "expired", "rejected"].compactMap { end.counts[$0] }
            .reduce(0, +)
        if sum != job.devices.count { self.broken("\(job.id): `finished` counts \(sum) of \(job.devices.count) tasks") }
    }

    // MARK: Devices

    private mutating func checkDevices(_ evidence: Evidence) {
        var ends: [String: SeenReply] = [:]
        for reply in evidence.replies.sorted(by: { $0.offset < $1.offset }) where reply.type == "result" {
            let key = "\(reply.job) \(reply.device ?? "")"
            if ends[key] == nil { ends[key] = reply }
        }
        let jobs = Dictionary(evidence.jobs.map { ($0.id, $0) }) { first, _ in first }
        let routed = Dictionary(
            evidence.replies.filter { $0.type == "accepted" }.map { ($0.job, $0.timestamp) }
        ) { first, _ in first }
        for device in evidence.devices {
            for (name, count) in device.counts {
                guard let job = jobs[name], job.devices.contains(device.name) else {
                    self.broken("\(device.name) ran \(name), which was not for it")
                    continue
                }
                if job.kind == .change, count > 1 {
                    self.broken("\(name) on \(device.name): the change ran \(count) times")
                }
            }
            for job in evidence.jobs where job.devices.contains(device.name) {
                let count = device.counts[job.id] ?? 0
                guard let end = ends["\(job.id) \(device.name)"] else { continue }
                if end.outcome == "succeeded", count == 0 {
                    self.broken("\(job.id) on \(device.name): succeeded, and the device knows nothing of it")
                }
                if job.kind == .change, count > 0, end.begun == 0, end.outcome != "unknown", end.outcome != "succeeded"
                {
                    self.broken(
                        "\(job.id) on \(device.name): it ran, and its result (\(end.outcome ?? "none"), \(end.code ?? "none")) names no command"
                    )
                }
            }
            self.checkOrder(device, jobs, routed, evidence.growths)
            self.checkSessions(device, evidence.absences)
        }
    }

    /// The first executions of the jobs of a device come in the order in which the jobs were sent.
    private mutating func checkOrder(
        _ device: DeviceEvidence, _ jobs: [String: SubmittedJob], _ routed: [String: Int64], _ growths: [Int64]
    ) {
        var seen: Set<String> = []
        var latest: SubmittedJob?
        for record in device.commands {
            let words = record.command.split(separator: " ")
            guard words.count >= 3, words[0] == "lab", words[1] == "count", let job = jobs[String(words[2])],
                seen.insert(job.id).inserted
            else { continue }
            if let before = latest, before.number > job.number {
                // What was routed before and after a growth stands on different partitions: Kafka orders them no more. Routers learn of it within
                // two seconds.
                let (one, other) = (routed[job.id] ?? 0, routed[before.id] ?? 0)
                let spans = growths.contains { one - 3_000 <= $0 && $0 <= other }
                if !spans { self.broken("\(device.name) ran \(before.id) before \(job.id)") }
                continue
            }
            latest = job
        }
    }

    /// A session that has been replaced sends no command any more; and it is only ever replaced while open because its worker could not know.
    private mutating func checkSessions(_ device: DeviceEvidence, _ absences: [Absence]) {
        for overlap in device.overlaps {
            let at = overlap.at.nanoseconds / 1_000_000
            if absences.contains(where: { $0.from <= at && at <= $0.to + Self.slack }) {
                self.figures.excusedOverlaps += 1
            } else {
                self.broken("\(device.name): sessions \(overlap.sessions) at once, at \(at)")
            }
        }
        var newest = 0
        for record in device.commands {
            if record.session < newest {
                // Taking leave changes nothing.
                guard !["exit", "quit", "logout"].contains(record.command) else { continue }
                self.broken(
                    "\(device.name): session \(record.session) sent `\(record.command)` after session \(newest) had begun"
                )
            }
            newest = max(newest, record.session)
        }
    }
}
