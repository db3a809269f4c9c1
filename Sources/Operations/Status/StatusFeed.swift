import Hummingbird
import Jobs
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle

/// Makes snapshots for the status page, at most one a second for all who look, and follows them for browsers (server-sent events,
/// HTML Standard section 9.2).
///
/// Nothing is done while nobody looks. Safe to use from any task.
final class StatusFeed: Sendable {
    private struct Sample: Sendable {
        var snapshot: StatusSnapshot
        var time: ContinuousClock.Instant
    }

    private struct State: Sendable {
        var last: Sample?
        var lag: (waiting: StatusSnapshot.Lag, time: ContinuousClock.Instant)?
        var clients = 0
    }

    private static let interval = Duration.seconds(1)
    /// The Kafka clients count once in ten seconds.
    private static let lagInterval = Duration.seconds(5)
    /// A browser that nothing was sent to for so long gets a comment: so it is noticed when it has gone.
    private static let silence = 15
    static let maximumClients = 32

    private let source: any OperationsSource
    private let lanes: LaneReader
    private let loops: LoopWatch?
    private let version: String
    private let state = NIOLockedValueBox(State())

    init(source: any OperationsSource, lanes: LaneReader, loops: LoopWatch?, version: String) {
        self.source = source
        self.lanes = lanes
        self.loops = loops
        self.version = version
    }

    var clientCount: Int { self.state.withLockedValue { $0.clients } }

    /// The last snapshot, if it is fresh, else a new one. Two who ask at the same moment may both make one.
    func snapshot() async -> StatusSnapshot {
        let last = self.state.withLockedValue { $0.last }
        let now = ContinuousClock.now
        // A little less than the interval, so that who asks once in an interval gets a new one each time.
        if let last, now - last.time < Self.interval * 9 / 10 { return last.snapshot }
        var snapshot = StatusSnapshot(
            version: self.version,
            status: self.source.status,
            uptime: self.source.uptime,
            lanes: await self.lanes.lanes(),
            slowestLoop: self.loops?.slowest ?? .zero,
            sessions: self.source.sessions,
            troubles: self.source.troubles,
            failures: self.source.failures,
            failureCounts: self.source.failureCounts,
            lag: self.lag(now),
            sessionLimit: self.source.sessionLimit,
            inventoryCount: self.source.inventoryCount
        )
        if let last { snapshot.rates = Self.rates(from: last.snapshot, to: snapshot, over: now - last.time) }
        self.state.withLockedValue { $0.last = Sample(snapshot: snapshot, time: now) }
        return snapshot
    }

    private static func rates(
        from old: StatusSnapshot, to new: StatusSnapshot, over time: Duration
    ) -> StatusSnapshot.Rates {
        func rate(_ value: (StatusSnapshot) -> Int?) -> Double {
            max(0, Double((value(new) ?? 0) - (value(old) ?? 0))) / max(0.1, time.inSeconds)
        }
        return StatusSnapshot.Rates(
            finished: rate { $0.status.execution?.finishedTasks },
            routed: rate { $0.status.routedJobs }
        )
    }

    private func lag(_ now: ContinuousClock.Instant) -> StatusSnapshot.Lag {
        let known = self.state.withLockedValue { $0.lag }
        if let known, now - known.time < Self.lagInterval { return known.waiting }
        let lag = self.source.lag
        let waiting = StatusSnapshot.Lag(jobs: lag.jobs, tasks: lag.tasks)
        self.state.withLockedValue { $0.lag = (waiting, now) }
        return waiting
    }

    // MARK: Following

    /// `nil` when as many as may follow do already.
    func events(for query: StatusQuery) -> Response? {
        let isAdmitted = self.state.withLockedValue { state in
            guard state.clients < Self.maximumClients else { return false }
            state.clients += 1
            return true
        }
        guard isAdmitted else { return nil }
        let seat = Seat(self)
        var response = OperationsServer.answer(.ok, "text/event-stream", [])
        response.headers[.contentLength] = nil
        response.body = ResponseBody { writer in
            defer { seat.leave() }
            try await self.follow(query, &writer)
            try await writer.finish(nil)
        }
        return response
    }

    @concurrent private func follow(_ query: StatusQuery, _ writer: inout any ResponseBodyWriter) async throws {
        var sent: [String: String] = [:]
        var silent = 0
        // Closed in between, a browser asks again after so many milliseconds.
        try await writer.write(ByteBuffer(string: "retry: 3000\n\n"))
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            let parts = StatusPage(await self.snapshot(), query).parts
            let changed = parts.filter { sent[$0.id] != $0.html }
            if !changed.isEmpty {
                try await writer.write(ByteBuffer(bytes: Self.event(changed)))
                for part in changed { sent[part.id] = part.html }
                silent = 0
            } else {
                silent += 1
                if silent % Self.silence == 0 { try await writer.write(ByteBuffer(string: ":\n\n")) }
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// JSON has no line ends inside, so it is one `data` line.
    private static func event(_ parts: [(id: String, html: String)]) -> [UInt8] {
        var bytes = Array("data: ".utf8)
        JSONWriter.append(to: &bytes) { writer in
            writer.object { writer in
                for part in parts {
                    writer.name(escaping: part.id)
                    writer.string(part.html)
                }
            }
        }
        return bytes + Array("\n\n".utf8)
    }

    /// A client's place, given back once: at the end of its answer, or when that is never begun.
    private final class Seat: Sendable {
        private let feed: StatusFeed
        private let isTaken = NIOLockedValueBox(true)

        init(_ feed: StatusFeed) { self.feed = feed }

        func leave() {
            let wasTaken = self.isTaken.withLockedValue { isTaken in
                defer { isTaken = false }
                return isTaken
            }
            if wasTaken { self.feed.state.withLockedValue { $0.clients -= 1 } }
        }

        deinit { self.leave() }
    }
}
