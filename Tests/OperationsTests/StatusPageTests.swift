import Devices
import Foundation
import Jobs
import Testing
import Worker

@testable import Operations

@Suite struct StatusPageTests {
    private func snapshot(
        _ source: SyntheticWorker, troubles: [DeviceTroubles.Trouble] = [], delay: Duration? = nil
    ) -> StatusSnapshot {
        let state = source.synthetic
        return StatusSnapshot(
            version: "1", status: state.status, uptime: .seconds(90), lanes: .init(lanes: state.lanes, delay: delay),
            slowestLoop: .zero, sessions: state.sessions, troubles: troubles, failures: state.failures,
            failureCounts: state.failureCounts, lag: .init(jobs: 2, tasks: [3: 70_000]), sessionLimit: 10_000,
            inventoryCount: state.inventoryCount)
    }

    private func trouble(_ device: String, age: Duration = .seconds(700)) -> DeviceTroubles.Trouble {
        .init(
            device: device, code: "connect.refused", message: "\(device): refused", age: age, last: 1_795_000_000_000,
            failures: 12)
    }

    private func part(_ name: String, _ snapshot: StatusSnapshot, _ parameters: [(Substring, Substring)] = []) -> String
    {
        StatusPage(snapshot, StatusQuery(parameters)).parts.first { $0.id == name }?.html ?? ""
    }

    /// In the order of the table.
    private func devices(_ snapshot: StatusSnapshot, _ parameters: [(Substring, Substring)] = []) -> [String] {
        self.part("rows", snapshot, parameters).matches(of: /<th scope="row"><bdi>([^<]*)</).map { String($0.1) }
    }

    @Test("a device that can't be logged in to is on the page although it has no session, with the reason")
    func failing() {
        let source = SyntheticWorker(devices: 50)
        let idle = source.synthetic.sessions.first { $0.state == .idle }?.device ?? ""
        let snapshot = self.snapshot(source, troubles: [self.trouble("down-1"), self.trouble(idle)])
        #expect(self.devices(snapshot, [("show", "failing")]) == ["down-1"], "an open session says that it is over")
        let rows = self.part("rows", snapshot, [("show", "failing")])
        #expect(rows.contains("failing") && rows.contains("<code>connect.refused</code>"))
        #expect(rows.contains("12 attempts, the last at 11:06:40") && rows.contains(">11 min<"))
        #expect(
            self.part("figures", snapshot).contains(
                "<dt>Failing devices</dt><dd><a href=\"/status?show=failing\">1</a>"))
        #expect(!self.part("figures", self.snapshot(source)).contains("show=failing"))
        #expect(self.devices(snapshot, [("q", "connect.ref")]) == ["down-1"])
    }

    @Test("the list begins with what runs longest, then trouble, then sessions that come and go, then the rest by name")
    func order() {
        let source = SyntheticWorker(devices: 0)
        func running(_ age: Int) -> LaneStatus.Running {
            .init(job: "j", operation: "run", age: .seconds(age), left: .seconds(9))
        }
        source.change { state in
            state.sessions = ["a", "b", "c", "d", "e"].map { .init(device: $0, state: $0 == "d" ? .opening : .idle) }
            state.lanes = [
                .init(device: "c", waiting: 0, running: running(1)),
                .init(device: "e", waiting: 2, running: running(50)),
                .init(device: "x", waiting: 4),
            ]
        }
        let snapshot = self.snapshot(source, troubles: [self.trouble("z")])
        #expect(self.devices(snapshot) == ["e", "c", "x", "z", "d", "a", "b"])
        #expect(self.devices(snapshot, [("order", "name")]) == ["a", "b", "c", "d", "e", "x", "z"])
        #expect(self.devices(snapshot, [("order", "waiting")]) == ["x", "e", "a", "b", "c", "d", "z"])
    }

    @Test("what a task has left until its deadline is shown, and that it has none")
    func deadline() {
        let source = SyntheticWorker(devices: 0)
        source.change { state in
            state.lanes = ["a", "b"].map {
                .init(
                    device: $0, waiting: 0,
                    running: .init(job: "j", operation: "run", age: .seconds(3), left: .seconds($0 == "a" ? 75 : -1)))
            }
        }
        let rows = self.part("rows", self.snapshot(source), [("order", "name")])
        #expect(rows.contains("<td class=\"number\">1 min 15 s</td></tr>"))
        #expect(rows.contains("<td class=\"number\">overdue</td></tr>"))
    }

    @Test("the search is in the failures too, which are few until somebody searches")
    func failures() {
        let source = SyntheticWorker(devices: 0)
        source.change { state in
            state.failures = (0..<40).map {
                .init(
                    time: 1_795_000_000_000, job: "change-\($0)", device: "r\($0)", operation: "run", outcome: .failed,
                    code: "command.rejected", message: "no")
            }
            state.failureCounts = [.failed: 1_198, .unknown: 2]
        }
        let snapshot = self.snapshot(source)
        #expect(self.part("failures", snapshot).components(separatedBy: "<tr>").count == 6)
        #expect(self.part("failed", snapshot) == "The last 5 of 40 that are kept; the search is in all of them")
        #expect(self.part("failures", snapshot).contains("11-18 11:06:40"), "a failure of yesterday isn't one of today")
        let found = self.part("failures", snapshot, [("q", "CHANGE-39")])
        #expect(found.contains("<bdi>r39</bdi>") && found.components(separatedBy: "<tr>").count == 2)
        #expect(self.part("failures", snapshot, [("q", "nobody")]).contains("None matches"))
        let figures = self.part("figures", snapshot)
        #expect(figures.contains("<div class=\"bad\"><dt>Not succeeded</dt><dd>1\u{202F}200<span>2 of them unknown"))
    }

    @Test("partitions that need attention come first, and those that wait the most")
    func partitions() {
        let source = SyntheticWorker(devices: 10)
        source.change { $0.status.execution?.windows[6].isPaused = true }
        let rows = self.part("partitions", self.snapshot(source))
        let order = rows.matches(of: /<th scope="row" class="number">(\d+)</).map { String($0.1) }
        #expect(order == ["6", "3", "0", "1", "2", "4", "5", "7"])
        #expect(rows.contains("70\u{202F}000"))
        #expect(
            self.part("figures", self.snapshot(source)).contains(
                "<dt>Lag</dt><dd>70\u{202F}000<span>tasks in 8 partitions"))
    }

    @Test("figures that the event loops didn't tell are marked as old")
    func delay() {
        let source = SyntheticWorker(devices: 1)
        #expect(self.part("reasons", self.snapshot(source)).isEmpty)
        #expect(self.part("reasons", self.snapshot(source, delay: .seconds(41))).contains("as of 41 s ago"))
    }

    @Test("nothing but the time is sent while nothing happens")
    func quiet() {
        let source = SyntheticWorker(devices: 500)
        source.change { state in
            state.lanes = []
            for index in state.sessions.indices {
                state.sessions[index].state = .idle
                state.sessions[index].age = .seconds(125)
            }
        }
        func parts() -> [String: String] {
            Dictionary(
                uniqueKeysWithValues: StatusPage(self.snapshot(source), StatusQuery()).parts.map { ($0.id, $0.html) })
        }
        let first = parts()
        source.change { state in for index in state.sessions.indices { state.sessions[index].age = .seconds(126) } }
        let second = parts()
        #expect(first.keys.filter { $0 != "time" && first[$0] != second[$0] }.isEmpty)
    }

    @Test(
        "ages are as exact as somebody needs them",
        arguments: [(5, "5 s"), (65, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")])
    func ages(seconds: Int, text: String) { #expect(StatusPage.age(.seconds(seconds)) == text) }
}
