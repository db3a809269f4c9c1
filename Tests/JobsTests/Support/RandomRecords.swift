import Foundation
import Jobs

/// Records as wide as the contract allows.
extension SeededGenerator {
    mutating func job() -> Job {
        Job(
            id: self.maybe { $0.printable(1...40) },
            targets: self.list(1...5) { $0.target() },
            operation: self.operation(),
            replyTo: self.maybe { $0.topic() },
            stream: self.chance(50),
            deadline: self.maybe { generator in
                generator.chance(50)
                    ? .after(generator.jobDuration())
                    : .at(milliseconds: .random(in: 0...253_402_300_799_999, using: &generator))
            },
            effect: self.maybe { $0.pick(Effect.allCases) },
            priority: self.pick(Priority.allCases),
            credential: self.maybe { $0.credential() },
            platform: self.maybe { $0.printable(1...20) },
            labels: self.labels(),
            echoHeaders: self.list(0...3) { $0.printable(1...20) }
        )
    }

    mutating func task() -> DeviceTask {
        DeviceTask(
            id: self.printable(1...60),
            job: self.printable(1...40),
            index: self.maybe { .random(in: 0...10_000, using: &$0) },
            source: self.maybe { $0.topic() },
            device: self.printable(1...40),
            address: self.maybe { $0.printable(1...40) },
            operation: self.operation(),
            effect: self.pick(Effect.allCases),
            deadline: .random(in: .min ... .max, using: &self),
            submitted: .random(in: 0...2_000_000_000_000, using: &self),
            replyTo: self.topic(),
            stream: self.chance(50),
            credential: self.maybe { $0.credential() },
            platform: self.maybe { $0.printable(1...20) },
            labels: self.labels(),
            priority: self.pick(Priority.allCases),
            replyPartition: self.maybe { .random(in: 0 ... .max, using: &$0) },
            echo: self.echo()
        )
    }

    private mutating func credential() -> JobCredential {
        guard self.chance(30) else { return .named(self.printable(1...20)) }
        let bytes = self.bytes(1...90).map { String(format: "%02x", $0) }.joined()
        return .sealed("1.\(bytes)")
    }

    private mutating func echo() -> [EchoedHeader] {
        self.list(0...3) { generator in
            EchoedHeader(generator.printable(1...20), generator.maybe { $0.bytes(0...20) })
        }
    }

    mutating func progress() -> JobProgress {
        switch Int.random(in: 0..<4, using: &self) {
        case 0:
            .accepted(
                .init(
                    job: self.printable(1...40), tasks: .random(in: 0...10_000, using: &self),
                    devices: .random(in: 0...10_000, using: &self),
                    submitted: .random(in: 0...2_000_000_000_000, using: &self),
                    deadline: .random(in: .min ... .max, using: &self), replyTo: self.topic(),
                    replyPartition: self.maybe { .random(in: 0 ... .max, using: &$0) }, echo: self.echo(),
                    labels: self.labels()))
        case 1:
            .ended(
                .init(
                    job: self.printable(1...40), index: .random(in: 0...10_000, using: &self),
                    outcome: self.pick(Outcome.allCases)))
        case 2: .finished(job: self.printable(1...40))
        default: .mark(id: self.printable(1...40))
        }
    }

    mutating func event() -> Event {
        let kinds: [Event.Kind] = [
            .sessionOpened(session: self.printable(1...40), elapsed: self.time()),
            .sessionClosed(session: self.printable(1...40), reason: self.printable(1...20)),
            .sessionLost(
                session: self.printable(1...40), code: self.printable(1...20), message: self.printable(0...80)),
            .deviceUnreachable(
                code: self.printable(1...20), message: self.printable(0...80),
                failures: .random(in: 1...100, using: &self), pause: self.time()),
            .deviceRecovered,
            .hostKeyChanged(message: self.printable(0...80)),
            .credentialLocked(user: self.printable(0...20), scope: self.printable(0...20), pause: self.time()),
            .inventoryChanged(
                devices: .random(in: 0...100_000, using: &self), added: .random(in: 0...9, using: &self),
                removed: .random(in: 0...9, using: &self), changed: .random(in: 0...9, using: &self),
                names: self.list(0...3) { $0.printable(1...40) }),
            .inventoryRefused(code: self.printable(1...20), message: self.printable(0...80)),
        ]
        let kind = self.pick(kinds)
        let isOfInventory =
            switch kind {
            case .inventoryChanged, .inventoryRefused: true
            default: false
            }
        return Event(
            device: isOfInventory ? nil : self.printable(1...40), worker: self.printable(1...40),
            time: .random(in: 0...2_000_000_000_000, using: &self), kind: kind)
    }

    private mutating func time() -> Duration { .milliseconds(Int.random(in: 0...10_000_000, using: &self)) }

    mutating func control() -> Control {
        switch Int.random(in: 0..<3, using: &self) {
        case 0: .cancel(.init(job: self.printable(1...40), devices: self.list(0...3) { $0.printable(1...40) }))
        case 1: .close(devices: self.list(1...3) { $0.printable(1...40) })
        default: .drain(worker: self.printable(1...40))
        }
    }

    mutating func reply() -> Reply {
        switch Int.random(in: 0..<5, using: &self) {
        case 0:
            .accepted(
                Accepted(
                    job: self.printable(1...40), tasks: .random(in: 0...10_000, using: &self),
                    devices: .random(in: 0...10_000, using: &self),
                    unknown: self.list(0...4) { $0.printable(1...30) }, duplicate: self.chance(30),
                    labels: self.labels()))
        case 1:
            .output(
                Output(
                    job: self.printable(1...40), task: self.printable(1...60), device: self.printable(1...40),
                    sequence: .random(in: 0 ... .max, using: &self), command: .random(in: 0...1000, using: &self),
                    attempt: .random(in: 1...5, using: &self), bytes: self.output()))
        case 2:
            .rejected(Rejected(job: self.printable(1...40), error: self.error(), labels: self.labels()))
        case 3:
            .finished(
                Finished(
                    job: self.printable(1...40), tasks: .random(in: 0...10_000, using: &self),
                    outcomes: OutcomeCounts([self.pick(Outcome.allCases): .random(in: 0...10_000, using: &self)]),
                    missing: .random(in: 0...10, using: &self), elapsed: self.elapsed(), labels: self.labels()))
        default:
            .result(self.result())
        }
    }

    mutating func result() -> DeviceResult {
        DeviceResult(
            job: self.printable(1...40),
            task: self.printable(1...60),
            device: self.printable(1...40),
            outcome: self.pick(Outcome.allCases),
            error: self.maybe { $0.error() },
            commands: self.list(0...4) { generator in
                CommandOutcome(
                    command: generator.command(),
                    outcome: generator.pick(Outcome.allCases),
                    output: generator.maybe { $0.output() },
                    outputBytes: .random(in: 0 ... .max, using: &generator),
                    outputSHA256: generator.maybe { generator in
                        String((0..<64).map { _ in generator.pick(Array("0123456789abcdef")) })
                    },
                    exitStatus: generator.maybe { .random(in: -1...255, using: &$0) },
                    endedSession: generator.chance(20),
                    elapsed: generator.elapsed(),
                    error: generator.maybe { $0.error() })
            },
            detail: self.maybe { $0.detail() },
            attempts: .random(in: 0...10, using: &self),
            session: self.maybe { .init(id: $0.printable(1...30), reused: $0.chance(50)) },
            owner: self.maybe { .init(worker: $0.printable(1...30), generation: .random(in: 0...1000, using: &$0)) },
            timing: .init(queued: self.elapsed(), waited: self.elapsed(), executed: self.elapsed()),
            redelivered: self.chance(50),
            labels: self.labels()
        )
    }

    mutating func error() -> ErrorDescription {
        ErrorDescription(
            code: self.pick(ErrorCode.all).code, message: self.text(0...40), retriable: self.chance(50),
            question: self.maybe { $0.text(0...20) })
    }

    private mutating func labels() -> [String: String] {
        var labels: [String: String] = [:]
        for _ in 0..<Int.random(in: 0...3, using: &self) { labels[self.printable(1...10)] = self.text(0...20) }
        return labels
    }

    mutating func jobDuration() -> Duration {
        switch Int.random(in: 0..<3, using: &self) {
        case 0: .seconds(Int.random(in: 1...604_800, using: &self))
        case 1: .milliseconds(Int.random(in: 1...604_800_000, using: &self))
        default: .microseconds(Int64.random(in: 1000...604_800_000_000, using: &self))
        }
    }

    private mutating func elapsed() -> Duration {
        .microseconds(Int64.random(in: 0...self.pick([10, 1_000_000, 1 << 51]), using: &self))
    }

    mutating func command() -> String { "show " + self.printable(1...40) }

    private mutating func target() -> String {
        self.pick([
            "router1", "group:core", "tag:edge&lab", "all", "admin@192.0.2.7:2222", "[2001:db8::7]:22", "access-*",
        ])
    }

    private mutating func topic() -> String {
        String(self.list(3...30) { $0.pick(Array("abcXYZ019._-")) })
    }

    /// Text of any content, control characters too.
    mutating func text(_ count: ClosedRange<Int>) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: count, using: &self) { text.append(self.scalar()) }
        return String(text)
    }

    mutating func printable(_ count: ClosedRange<Int>) -> String {
        var text = String.UnicodeScalarView()
        while text.count < max(count.lowerBound, 1) || (text.count < count.upperBound && self.chance(90)) {
            let scalar = self.scalar()
            if scalar.properties.generalCategory != .control, scalar.value != 0x2028, scalar.value != 0x2029 {
                text.append(scalar)
            }
        }
        return String(text)
    }

    private mutating func scalar() -> Unicode.Scalar {
        let value: UInt32 =
            switch Int.random(in: 0..<10, using: &self) {
            case 0: .random(in: 0...0xFF, using: &self)
            case 1: .random(in: 0...0x10FFFF, using: &self)
            case 2: self.pick([0x22, 0x5C, 0x2F, 0x0A, 0x0D, 0x1B, 0x7F, 0x2028, 0xFEFF, 0x1F600])
            default: .random(in: 0x20...0x7E, using: &self)
            }
        return Unicode.Scalar(value) ?? "x"
    }

    private mutating func output() -> [UInt8] {
        self.chance(30) ? self.bytes(0...60) : Array(self.text(0...200).utf8)
    }
}
