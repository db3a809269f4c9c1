extension Job {
    /// The id of a job that names none: `<topic>-<partition>-<offset>`, so that a redelivered record keeps its id.
    package static func derivedID(topic: String, partition: Int32, offset: Int64) -> String {
        "\(topic)-\(partition)-\(offset)"
    }

    /// When the job stops being worth doing, in milliseconds since 1970.
    ///
    /// - Parameters:
    ///   - recordTimestamp: of the job's record, in milliseconds since 1970. For a record without one, the time of its arrival.
    ///   - default: for a job that names no deadline.
    ///   - maximum: no deadline is later than this after the record's timestamp, whatever the job says.
    package func effectiveDeadline(recordTimestamp: Int64, default: Duration, maximum: Duration) -> Int64 {
        let latest = Self.time(recordTimestamp, plus: maximum)
        return switch self.deadline {
        case .at(let milliseconds): min(milliseconds, latest)
        case .after(let duration): min(Self.time(recordTimestamp, plus: duration), latest)
        case nil: min(Self.time(recordTimestamp, plus: `default`), latest)
        }
    }

    /// The job's own word on its effect, else what the operation says.
    /// - Parameter isReadOnly: whether a command changes nothing on the device's platform.
    package func effect(isReadOnly: (String) -> Bool) -> Effect {
        self.effect ?? self.operation.defaultEffect(isReadOnly: isReadOnly)
    }

    private static func time(_ milliseconds: Int64, plus duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (part, partOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        let (sum, sumOverflow) = milliseconds.addingReportingOverflow(part)
        return partOverflow || sumOverflow ? (scaled < 0 ? .min : .max) : sum
    }
}

extension Operation {
    /// What running the operation again would do, where the job doesn't say: `read` when it only reads, else `change`. Commands decide by the
    /// platform's list, wherever they stand; of several steps, the strongest counts.
    package func defaultEffect(isReadOnly: (String) -> Bool) -> Effect {
        switch self {
        case .run(let commands): commands.allSatisfy { $0.onlyReads(isReadOnly) } ? .read : .change
        case .sequence(let sequence): sequence.commands.allSatisfy { $0.onlyReads(isReadOnly) } ? .read : .change
        case .configure(let configure): configure.commit == .dryRun ? .read : .change
        case .upload: .change
        case .diff(let diff): diff.command?.onlyReads(isReadOnly) ?? true ? .read : .change
        case .check(let assertions): assertions.allSatisfy { $0.command.onlyReads(isReadOnly) } ? .read : .change
        case .download, .backup, .probe, .close: .read
        case .steps(let steps): steps.allSatisfy { $0.defaultEffect(isReadOnly: isReadOnly) == .read } ? .read : .change
        }
    }
}

extension Command {
    /// A mode, an answer, or the end of the session: what the platform's list says of the text alone doesn't hold for those.
    fileprivate func onlyReads(_ isReadOnly: (String) -> Bool) -> Bool {
        self.mode == nil && self.answers.isEmpty && !self.endsSession && isReadOnly(self.text)
    }
}

extension DeviceTask {
    /// The id of a job's task on one device: `<job>/<device>`.
    package static func id(job: String, device: String) -> String { "\(job)/\(device)" }
}
