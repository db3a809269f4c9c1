import Devices
import Jobs
import Kafka

/// Turns a job record into the records that answer it: tasks, `accepted` (for the requester and for the collector), terminal results for names that stand for nothing, or a dead letter.
///
/// Pure: no I/O, no clock. What it returns is written in one transaction by ``Router``.
struct JobPlanner {
    var configuration: WorkerConfiguration
    var inventory: Inventory
    /// Partitions of the task topic.
    var taskPartitions: Int32
    var isReadOnly: @Sendable (_ command: String, _ platform: String) -> Bool
    /// The commands that a sequence's name stands for on a platform.
    var sequence: (_ name: String, _ platform: String) -> [String]? = { _, _ in nil }
    var policy: Policy?
    /// What a policy has to know of a platform.
    var platform: @Sendable (_ name: String) -> PolicyPlatform = { PolicyPlatform($0, nil) }
    /// The job that had this id before, if it is remembered.
    var known: (_ id: String) -> JobProgress.AcceptedJob? = { _ in nil }

    /// What follows from a job record.
    struct Plan: Sendable {
        var records: [ProducerRecord]
        /// The job, if it is begun.
        var accepted: JobProgress.AcceptedJob?

        init(_ records: [ProducerRecord], accepted: JobProgress.AcceptedJob? = nil) {
            self.records = records
            self.accepted = accepted
        }
    }

    /// Bytes of headers that come back with each reply.
    static let maximumEchoBytes = 32 * 1024

    /// - Parameters:
    ///   - now: milliseconds since 1970, for records without a timestamp.
    ///   - trace: the trace context that everything goes on with, instead of the record's own.
    ///   - replyPartitions: partition count of a reply topic, `nil` if there is no such topic: one wrong name must not make the
    ///     whole transaction fail.
    func plan(
        _ record: KafkaRecord, now: Int64, trace: [EchoedHeader] = [],
        replyPartitions: (String) throws(KafkaError) -> Int32?
    ) throws(KafkaError) -> Plan {
        guard let value = record.value else {
            return Plan([self.deadLetter(record, code: "job.undecodable", reason: "the record has a null value")])
        }
        let topicPolicy = self.policy?.topics[record.topicPartition.topic]
        let job: Job
        do {
            job = try Job(decoding: value)
        } catch {
            var records = [
                DeadLetter.record(
                    for: record, topic: self.configuration.topics.deadLetters, code: error.code, reason: error.message,
                    holdsSecret: error.holdsSecret)
            ]
            if let id = error.jobID {
                var route = ReplyRoute(
                    record: record, replyTo: error.replyTo, default: self.configuration.topics.results)
                route.echo.replaceTrace(with: trace)
                if route.echoBytes > Self.maximumEchoBytes { route.echo = [] }
                let description = ErrorDescription(code: error.code, message: error.message, retriable: false)
                if let rejection = try self.rejection(
                    of: record, job: id, description, on: route, replyPartitions: replyPartitions)
                {
                    records.append(rejection)
                }
            }
            return Plan(records)
        }
        let id = Self.id(of: job, record)
        var route = ReplyRoute(
            record: record,
            replyTo: job.replyTo,
            echoHeaders: job.echoHeaders,
            default: self.configuration.topics.results
        )
        route.echo.replaceTrace(with: trace)
        guard self.configuration.mayReceiveReplies(route.topic, by: topicPolicy) else {
            return Plan([
                self.deadLetter(record, code: "policy.denied", reason: "replies may not be written to \(route.topic)")
            ])
        }
        guard let count = try replyPartitions(route.topic) else {
            return Plan([
                self.deadLetter(
                    record, code: "reply.topic_unknown", reason: "the reply topic \(route.topic) doesn't exist")
            ])
        }
        route.dropPartition(outOf: count)
        let echoBytes = route.echoBytes
        guard echoBytes <= Self.maximumEchoBytes else {
            route.echo = []
            return self.refuse(
                record, id: id, job: job, route: route, .jobTooLarge,
                reason:
                    "the headers that come back with each reply have \(echoBytes) bytes, and may have \(Self.maximumEchoBytes)"
            )
        }
        // A derived id is the record's own; only one that somebody chose can come again.
        if job.id != nil, let original = self.known(id) {
            let answer = Accepted(
                job: id, tasks: original.tasks, devices: original.devices, unknown: [], duplicate: true,
                labels: job.labels)
            return Plan([route.record(for: .accepted(answer), job: id)])
        }
        if self.policy != nil, topicPolicy == nil {
            // It had one when this worker began to read it.
            return self.refuse(
                record, id: id, job: job, route: route, .policyDenied,
                reason: "the policy has no rules for jobs from \(record.topicPartition.topic)")
        }
        return self.tasks(of: job, id: id, record: record, route: route, topicPolicy, now: now)
    }

    /// What is left to say of a job whose plan could not be written, for what its own records are.
    ///
    /// - Parameter answers: whether to try and tell the requester.
    func refusal(
        of record: KafkaRecord, reason: String, answers: Bool, replyPartitions: (String) throws(KafkaError) -> Int32?
    ) throws(KafkaError) -> Plan {
        let letter = self.deadLetter(record, code: ErrorCode.jobTooLarge.code, reason: reason)
        var plan = Plan([DeadLetter.withoutContent(letter) ?? letter])
        guard answers, let job = try? Job(decoding: record.value ?? []) else { return plan }
        let route = ReplyRoute(
            record: record, replyTo: job.replyTo, echoHeaders: job.echoHeaders,
            default: self.configuration.topics.results)
        if let rejection = try self.rejection(
            of: record, job: Self.id(of: job, record), ErrorDescription(.jobTooLarge, reason), labels: job.labels,
            on: route, replyPartitions: replyPartitions)
        {
            plan.records.append(rejection)
        }
        return plan
    }

    /// The answer to a requester whose job is refused before its route is known to be good; `nil` where nothing may be written, or there is no such topic.
    private func rejection(
        of record: KafkaRecord, job id: String, _ error: ErrorDescription, labels: [String: String] = [:],
        on route: ReplyRoute, replyPartitions: (String) throws(KafkaError) -> Int32?
    ) throws(KafkaError) -> ProducerRecord? {
        guard
            self.configuration.mayReceiveReplies(route.topic, by: self.policy?.topics[record.topicPartition.topic]),
            let count = try replyPartitions(route.topic)
        else { return nil }
        var route = route
        route.dropPartition(outOf: count)
        return route.record(for: .rejected(Rejected(job: id, error: error, labels: labels)), job: id)
    }

    private static func id(of job: Job, _ record: KafkaRecord) -> String {
        job.id
            ?? Job.derivedID(
                topic: record.topicPartition.topic, partition: record.topicPartition.partition, offset: record.offset)
    }

    private func tasks(
        of job: Job, id: String, record: KafkaRecord, route: ReplyRoute, _ topicPolicy: TopicPolicy?, now: Int64
    ) -> Plan {
        let submitted = record.timestamp ?? now
        let longest = self.configuration.maximumDeadline
        let deadline = job.effectiveDeadline(
            recordTimestamp: submitted,
            default: self.configuration.defaultDeadline,
            maximum: topicPolicy?.limits.deadline.map { min($0, longest) } ?? longest
        )
        let resolution = self.inventory.resolve(job.targets)
        var records: [ProducerRecord] = []
        var refusals: [ProducerRecord] = []
        var fanOutBytes = 0
        var isTooLarge: Bool { fanOutBytes > self.configuration.maximumFanOutBytes }
        var plans: [String: Result<PlatformPlan, Operation.MissingSequence>] = [:]
        var assessments: [String: PolicyAssessment] = [:]
        var denials: [PolicyDenial] = []

        func refuse(_ target: String, code: String, message: String) {
            let result = DeviceResult(
                job: id,
                task: DeviceTask.id(job: id, device: target),
                device: target,
                outcome: .rejected,
                error: ErrorDescription(code: code, message: message, retriable: false),
                labels: job.labels
            )
            let refusal = route.record(for: .result(result), job: id)
            fanOutBytes += refusal.size
            refusals.append(refusal)
        }

        /// - Parameter platforms: what the job says the device is, and what the inventory says: a command may be harmless in one of them only.
        func denial(of operation: Operation, on platforms: Set<String>, _ target: PolicyTarget) -> PolicyDenial? {
            guard let topicPolicy else { return nil }
            for name in platforms {
                let assessment =
                    assessments[name]
                    ?? PolicyAssessment(
                        topicPolicy, operation, on: self.platform(name), PolicyRule.Credential(job.credential))
                assessments[name] = assessment
                if let denial = assessment.denial(for: target) { return denial }
            }
            return nil
        }

        func add(device: String, address: String?, platform: String, own: String, _ target: PolicyTarget) {
            let plan = plans[platform] ?? self.plan(job, on: platform)
            plans[platform] = plan
            let operation: Operation
            let effect: Effect
            switch plan {
            case .success(let plan): (operation, effect) = (plan.operation, plan.effect)
            case .failure(let missing):
                return refuse(
                    device, code: "operation.unsupported",
                    message:
                        "the inventory has no sequence \(missing.name) for the platform \(platform.isEmpty ? "default" : platform); write one under `sequences`"
                )
            }
            if let denial = denial(of: operation, on: [platform, own], target) {
                denials.append(denial)
                return refuse(address ?? device, code: ErrorCode.policyDenied.code, message: denial.message)
            }
            let task = DeviceTask(
                id: DeviceTask.id(job: id, device: device),
                job: id,
                index: records.count,
                source: record.topicPartition.topic,
                device: device,
                address: address,
                operation: operation,
                effect: effect,
                deadline: deadline,
                submitted: submitted,
                replyTo: route.topic,
                stream: job.stream,
                credential: job.credential,
                platform: job.platform,
                labels: job.labels,
                priority: job.priority,
                replyPartition: route.partition,
                echo: route.echo
            )
            var bytes: [UInt8] = []
            task.encode(into: &bytes)
            let key = Array(device.utf8)
            let record = ProducerRecord(
                topic: self.configuration.topics.tasks,
                partition: Murmur2.partition(of: key, count: self.taskPartitions),
                key: key,
                value: bytes
            )
            fanOutBytes += record.size
            records.append(record)
        }

        let targets = resolution.devices.count + resolution.adHoc.count + resolution.unknown.count
        guard targets <= self.configuration.maximumTargets else {
            return self.refuse(
                record, id: id, job: job, route: route, .jobTooLarge,
                reason:
                    "it names \(targets) devices, and a job may have \(self.configuration.maximumTargets); split the job"
            )
        }
        if let limit = topicPolicy?.limits.devices, resolution.devices.count + resolution.adHoc.count > limit {
            let count = resolution.devices.count + resolution.adHoc.count
            return self.refuse(
                record, id: id, job: job, route: route, .policyDenied,
                reason:
                    "the policy of \(record.topicPartition.topic) allows \(limit) devices in one job, and it has \(count) (limits.devices)"
            )
        }
        // No further than the limit: what is refused afterwards must not fill the memory before.
        for name in resolution.devices where !isTooLarge {
            guard let device = self.inventory[name] else { continue }
            add(
                device: name, address: nil, platform: job.platform ?? device.platform, own: device.platform,
                PolicyTarget(device, in: self.inventory))
        }
        for target in resolution.adHoc where !isTooLarge {
            if self.configuration.allowsAdHocTargets {
                let own = self.inventory[target.name]?.platform ?? self.inventory.defaultPlatform
                add(
                    device: target.name, address: target.expression, platform: job.platform ?? own, own: own,
                    PolicyTarget(target, in: self.inventory))
            } else {
                refuse(
                    target.expression, code: "target.refused",
                    message: "this fleet takes only devices of its inventory, not addresses")
            }
        }
        for target in resolution.unknown where !isTooLarge {
            refuse(target, code: "target.unknown", message: "nothing in the inventory has this name")
        }
        if let first = denials.first, denials.count == targets {
            return self.refuse(record, id: id, job: job, route: route, .policyDenied, reason: first.message)
        }
        let accepted = Accepted(
            job: id,
            tasks: records.count + refusals.count,
            devices: records.count,
            unknown: resolution.unknown,
            labels: job.labels
        )
        let begun = JobProgress.AcceptedJob(
            job: id, tasks: accepted.tasks, devices: accepted.devices, submitted: submitted, deadline: deadline,
            replyTo: route.topic, replyPartition: route.partition, echo: route.echo, labels: job.labels)
        let answers = [
            route.record(for: .accepted(accepted), job: id),
            JobProgress.accepted(begun).record(topic: self.configuration.topics.progress, key: id),
        ]
        let all = answers + records + refusals
        guard !isTooLarge, all.allSatisfy({ $0.size <= ProducerRecord.maximumSize }) else {
            return self.refuse(
                record, id: id, job: job, route: route, .jobTooLarge,
                reason:
                    "its tasks need more than \(self.configuration.maximumFanOutBytes) bytes in all or \(ProducerRecord.maximumSize) each; split the job"
            )
        }
        return Plan(all, accepted: begun)
    }

    /// What a job comes to on the devices of one platform.
    private struct PlatformPlan {
        var operation: Operation
        var effect: Effect
    }

    private func plan(_ job: Job, on platform: String) -> Result<PlatformPlan, Operation.MissingSequence> {
        do throws(Operation.MissingSequence) {
            // The task says what is run, whatever its owner's inventory says by then.
            let operation = try job.operation.withSequences { self.sequence($0, platform) }
            let effect = job.effect ?? operation.defaultEffect { self.isReadOnly($0, platform) }
            return .success(PlatformPlan(operation: operation, effect: effect))
        } catch {
            return .failure(error)
        }
    }

    /// A job that asks for too much, or for what it may not have: nothing of it is done.
    private func refuse(
        _ record: KafkaRecord, id: String, job: Job, route: ReplyRoute, _ code: ErrorCode, reason: String
    ) -> Plan {
        let refusal = Rejected(job: id, error: ErrorDescription(code, reason), labels: job.labels)
        return Plan([
            self.deadLetter(record, code: code.code, reason: reason),
            route.record(for: .rejected(refusal), job: id),
        ])
    }

    private func deadLetter(_ record: KafkaRecord, code: String, reason: String) -> ProducerRecord {
        DeadLetter.record(for: record, topic: self.configuration.topics.deadLetters, code: code, reason: reason)
    }
}
