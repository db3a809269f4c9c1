import Foundation
import Kafka
import Testing
import Worker

@testable import Operations

@Suite struct HealthReportTests {
    private func worker(_ change: (inout WorkerStatus) -> Void = { _ in }) -> WorkerStatus {
        var status = WorkerStatus(
            name: "w",
            roles: [.execute],
            memberships: [
                .init(
                    role: .execute, hasJoined: true, partitions: 4, sinceTurn: .milliseconds(50),
                    sinceAnswer: .seconds(1), isReachable: true)
            ],
            execution: .init(
                partitions: (0..<4).map { TopicPartition("t", $0) }, unfinishedTasks: 0, takenTasks: 9,
                finishedTasks: 9,
                warmDevices: 0, sinceProgress: .seconds(1))
        )
        change(&status)
        return status
    }

    private func lane(left: Duration) -> LaneStatus {
        LaneStatus(
            device: "d", waiting: 3, running: .init(job: "j", operation: "run", age: .seconds(400), left: left))
    }

    @Test("a worker that has its partitions and hears its brokers is ready and live")
    func healthy() {
        let report = HealthReport(self.worker())
        #expect(report.isReady && report.isLive && !report.isStalled)
        #expect(report.obstacles.isEmpty)
    }

    @Test("a worker that the group has given nothing is ready; one that the group hasn't answered isn't")
    func assignment() {
        #expect(HealthReport(self.worker { $0.memberships[0].partitions = 0 }).isReady)
        let report = HealthReport(self.worker { $0.memberships[0].hasJoined = false })
        #expect(!report.isReady && report.isLive)
        #expect(report.obstacles.first?.contains("role execute") == true)
    }

    @Test("without a broker the worker lives and isn't ready")
    func unreachable() {
        let report = HealthReport(
            self.worker {
                $0.memberships[0].isReachable = false
                $0.memberships[0].sinceAnswer = .seconds(71)
            })
        #expect(!report.isReady && report.isLive)
        #expect(report.obstacles == ["no broker has answered the role execute for 71 s"])
    }

    @Test("a worker that drains, or is about to end, isn't ready and says why")
    func ending() {
        #expect(HealthReport(self.worker { $0.isDraining = true }).obstacles.count == 1)
        let report = HealthReport(self.worker { $0.failure = "kafka.fenced: gone" })
        #expect(report.obstacles == ["the worker is about to end: kafka.fenced: gone"])
    }

    @Test("work that waits while nothing ends is a stall; a long task within its deadline is none")
    func stalledTasks() {
        let status = self.worker {
            $0.execution?.unfinishedTasks = 3
            $0.execution?.sinceProgress = .seconds(301)
        }
        #expect(HealthReport(status).stall?.hasPrefix("3 tasks wait, and none has ended for 301 s") == true)
        #expect(HealthReport(status, lanes: [self.lane(left: .seconds(5))]).stall == nil)
        #expect(HealthReport(status, lanes: [self.lane(left: .seconds(-5))]).isStalled)
        let patient = self.worker {
            $0.execution?.unfinishedTasks = 3
            $0.execution?.sinceProgress = .seconds(299)
        }
        #expect(!HealthReport(patient).isStalled)
        let idle = self.worker { $0.execution?.sinceProgress = .seconds(9_999) }
        #expect(!HealthReport(idle).isStalled)
    }

    @Test("results that nobody acknowledges are a stall, whatever runs")
    func stalledResults() {
        let status = self.worker {
            $0.execution?.unfinishedTasks = 3
            $0.execution?.unacknowledged = 2
            $0.execution?.sinceProgress = .seconds(400)
        }
        #expect(HealthReport(status, lanes: [self.lane(left: .seconds(60))]).stall?.hasPrefix("2 results wait") == true)
    }

    @Test("finished work that no commit covers is a stall, even while tasks end")
    func stalledCommits() {
        let status = self.worker {
            $0.execution?.hasUncommitted = true
            $0.execution?.sinceCommit = .seconds(301)
        }
        #expect(HealthReport(status).stall?.contains("acknowledged no commit for 301 s") == true)
        let quiet = self.worker { $0.execution?.sinceCommit = .seconds(9_999) }
        #expect(!HealthReport(quiet).isStalled)
    }

    @Test("an event loop or a consumer that doesn't turn is the process's end")
    func dead() {
        #expect(!HealthReport(self.worker(), slowestLoop: .seconds(31)).isLive)
        #expect(HealthReport(self.worker(), slowestLoop: .seconds(29)).isLive)
        #expect(!HealthReport(self.worker { $0.memberships[0].sinceTurn = .seconds(301) }).isLive)
        // Not started yet: it waits for a broker.
        #expect(HealthReport(self.worker { $0.memberships[0].sinceTurn = nil }).isLive)
    }

    @Test("a worker that is stuck isn't ready either")
    func stuck() {
        let report = HealthReport(self.worker(), slowestLoop: .seconds(31))
        #expect(!report.isReady && report.obstacles == ["an event loop has not turned for 31 s"])
    }

    @Test("a worker that may have been replaced starts nothing, isn't ready, and says since when")
    func unproven() {
        let report = HealthReport(
            self.worker {
                $0.execution?.mayStart = false
                $0.execution?.sinceCommit = .seconds(24)
            })
        #expect(!report.isReady && report.isLive && !report.isStalled)
        #expect(report.obstacles.first?.hasPrefix("Kafka has confirmed no commit of this worker for 24 s") == true)
    }

    @Test("the answers are JSON with the reasons as text")
    func json() throws {
        let report = HealthReport(self.worker { $0.failure = "quotes \" and\nlines" })
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(report.readyJSON)) as? [String: Any])
        #expect(answer["ready"] as? Bool == false)
        #expect((answer["reasons"] as? [String])?.first == "the worker is about to end: quotes \" and\nlines")
        #expect(answer["partitions"] as? Int == 4)
        let live = try #require(try JSONSerialization.jsonObject(with: Data(report.liveJSON)) as? [String: Any])
        #expect(live["live"] as? Bool == true)
    }
}
