import Devices
import Foundation
import Jobs
import Worker

/// The status page of one snapshot, for one query. The parts that change are sent on their own while somebody follows the page.
package struct StatusPage: Sendable {
    private let snapshot: StatusSnapshot
    private let query: StatusQuery
    private let rows: ArraySlice<StatusSnapshot.DeviceRow>
    private let total: Int

    /// Of the failures and the partitions, at most so many are shown; of the failures more when somebody searches them.
    private static let maximumFailures = 5
    private static let maximumFoundFailures = 25
    private static let maximumPartitions = 200

    package init(_ snapshot: StatusSnapshot, _ query: StatusQuery) {
        self.snapshot = snapshot
        self.query = query
        (self.rows, self.total) = query.select(snapshot.devices)
    }

    /// What changes, by the `id` of the element that it fills.
    package var parts: [(id: String, html: String)] {
        [
            ("time", self.time), ("uptime", self.uptime), ("health", self.health), ("reasons", self.reasons),
            ("figures", self.figures), ("sessions", self.sessions), ("failed", self.failureCount),
            ("failures", self.failures), ("count", self.count), ("rows", self.deviceRows), ("pages", self.pages),
            ("partitions", self.partitions),
        ].map { ($0.0, $0.1.html) }
    }

    package var html: String {
        let name = self.snapshot.status.name
        let roles = self.snapshot.status.roles.map(\.rawValue).joined(separator: ", ")
        let page: Markup = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>\(name) · Tether</title>
            <link rel="stylesheet" href="/status/status.css">
            <script src="/status/status.js" defer></script>
            </head>
            <body>
            <a class="skip" href="#devices">Skip to the devices</a>
            <header>
            <div class="title"><h1><bdi>\(name)</bdi></h1>\
            <p>Tether \(self.snapshot.version) · \(roles) · up <span id="uptime">\(self.uptime)</span></p></div>
            <p class="note">as of <time id="time">\(self.time)</time> UTC</p>
            <div id="health" role="status" aria-live="polite">\(self.health)</div>
            <ul id="reasons">\(self.reasons)</ul>
            <button type="button" id="follow" aria-pressed="true" hidden>Live</button>
            </header>
            <p id="stale" role="status"></p>
            <p id="found" class="hidden" role="status"></p>
            <main>
            <section aria-label="Figures"><dl id="figures" class="figures">\(self.figures)</dl></section>
            <section aria-label="Sessions by state" id="sessions">\(self.sessions)</section>
            <section aria-labelledby="recent">
            <h2 id="recent">Recent failures</h2>
            <p id="failed" class="note">\(self.failureCount)</p>
            <div class="wide" tabindex="0" role="region" aria-labelledby="recent">
            <table>
            <thead><tr><th scope="col">Time (UTC)</th><th scope="col">Device</th><th scope="col">Outcome</th>\
            <th scope="col">Reason</th><th scope="col">Job</th></tr></thead>
            <tbody id="failures">\(self.failures)</tbody>
            </table>
            </div>
            </section>
            <section aria-labelledby="devices">
            <div class="bar">
            <h2 id="devices" tabindex="-1">Devices</h2>
            \(self.form)
            </div>
            <p id="count" class="note">\(self.count)</p>
            <div class="wide" tabindex="0" role="region" aria-labelledby="devices">
            <table>
            <thead><tr><th scope="col">Device</th><th scope="col">Session</th><th scope="col" class="number">Open for</th>\
            <th scope="col" class="number">Waiting</th><th scope="col">Running, or why not</th><th scope="col" class="number">For</th>\
            <th scope="col" class="number">Time left</th></tr></thead>
            <tbody id="rows">\(self.deviceRows)</tbody>
            </table>
            </div>
            <nav id="pages" aria-label="Pages of devices">\(self.pages)</nav>
            </section>
            <section aria-labelledby="owned">
            <h2 id="owned">Partitions</h2>
            <div class="wide" tabindex="0" role="region" aria-labelledby="owned">
            <table>
            <thead><tr><th scope="col" class="number">Partition</th><th scope="col" class="number">Lowest unfinished offset</th>\
            <th scope="col" class="number">Window</th><th scope="col" class="number">Unfinished</th>\
            <th scope="col" class="number">Lag</th><th scope="col">State</th></tr></thead>
            <tbody id="partitions">\(self.partitions)</tbody>
            </table>
            </div>
            </section>
            </main>
            <noscript><p class="note">This page follows the worker only with JavaScript; without it, reload the page.</p></noscript>
            </body>
            </html>

            """
        return page.html
    }

    // MARK: The head

    private var health: Markup {
        let report = self.snapshot.health
        let (kind, word): (String, String) =
            if !report.isLive {
                ("bad", "Stuck")
            } else if report.status.failure != nil || report.isStalled {
                ("bad", report.isStalled ? "Stalled" : "Ending")
            } else if report.status.isDraining {
                ("busy", "Draining")
            } else {
                report.isReady ? ("good", "Ready") : ("busy", "Not ready")
            }
        return "<strong class=\"state \(kind)\">\(word)</strong>"
    }

    /// Apart from the word, which is read out when it changes: these say for how long, and change all the time.
    private var reasons: Markup {
        var reasons = self.snapshot.health.obstacles
        if let delay = self.snapshot.lanesDelay {
            reasons.append(
                "an event loop is busy: what devices run and what waits for them is as of \(delay.components.seconds) s ago"
            )
        }
        return Markup(joining: reasons.map { reason -> Markup in "<li>\(reason)</li>" })
    }

    private var time: Markup {
        "\(Self.clock(Int64(self.snapshot.time.timeIntervalSince1970 * 1000)))"
    }

    private var uptime: Markup { "\(Self.age(self.snapshot.uptime))" }

    private var figures: Markup {
        let snapshot = self.snapshot
        var figures: [Markup] = []
        func figure(_ name: String, _ value: String, _ note: String = "", _ kind: Markup = "", link: Markup? = nil) {
            let number: Markup = link.map { "<a href=\"\($0)\">\(value)</a>" } ?? "\(value)"
            let note: Markup = note.isEmpty ? "" : "<span>\(note)</span>"
            figures.append("<div class=\"\(kind)\"><dt>\(name)</dt><dd>\(number)\(note)</dd></div>")
        }
        if let execution = snapshot.status.execution {
            figure("Open sessions", Self.grouped(snapshot.openSessions), "of \(Self.grouped(snapshot.sessionLimit))")
            let failing = snapshot.failingDevices
            figure(
                "Failing devices", Self.grouped(failing), "of \(Self.grouped(snapshot.inventoryCount)) devices",
                failing > 0 ? "bad" : "", link: failing > 0 ? "/status?show=failing" : nil)
            figure(
                "Running tasks", Self.grouped(snapshot.runningTasks),
                snapshot.longestTask.map { "longest for \(Self.span($0))" } ?? "")
            figure(
                "Waiting tasks", Self.grouped(snapshot.waitingTasks),
                snapshot.longestLane > 0 ? "\(Self.grouped(snapshot.longestLane)) in the longest lane" : "")
            figure("Finished", Self.rate(snapshot.rates.finished), "tasks/s")
            let unknown = snapshot.failureCounts[.unknown] ?? 0
            figure(
                "Not succeeded", Self.grouped(snapshot.failureCounts.values.reduce(0, +)),
                unknown > 0 ? "\(Self.grouped(unknown)) of them unknown" : "since the start", unknown > 0 ? "bad" : "")
            figure(
                "Lag", Self.grouped(Int(snapshot.lag.tasks.values.reduce(0, +))),
                "tasks in \(Self.grouped(execution.partitions.count)) partitions")
        } else {
            figure("Inventory", Self.grouped(snapshot.inventoryCount), "devices")
        }
        if snapshot.status.routedJobs != nil {
            figure(
                "Routed", Self.rate(snapshot.rates.routed),
                "jobs/s" + (snapshot.lag.jobs.map { " · \(Self.grouped(Int($0))) wait" } ?? ""))
        }
        if let collection = snapshot.status.collection {
            figure("Open jobs", Self.grouped(collection.openJobs), "counted here")
        }
        return Markup(joining: figures)
    }

    /// A bar whose pieces are as long as there are sessions of each state, with the numbers in words beneath.
    private var sessions: Markup {
        let counts = self.snapshot.sessionCounts
        let all = counts.values.reduce(0, +)
        guard all > 0 else { return "" }
        let states: [(SessionStatus.State, String)] = [
            (.busy, "busy"), (.idle, "idle"), (.opening, "opening"), (.waiting, "waiting for room"),
            (.closing, "closing"),
        ]
        var pieces: [Markup] = []
        var words: [Markup] = []
        var start = 0.0
        for (state, word) in states {
            guard let count = counts[state], count > 0 else { continue }
            let width = Double(count) * 1000 / Double(all)
            pieces.append(
                "<rect class=\"\(state.rawValue)\" x=\"\(Self.decimal(start))\" y=\"0\" width=\"\(Self.decimal(width))\" height=\"10\"/>"
            )
            words.append(
                "<li><i class=\"\(state.rawValue)\"></i>\(Self.grouped(count)) \(word)</li>")
            start += width
        }
        return """
            <svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">\(Markup(joining: pieces))</svg>\
            <ul class="key">\(Markup(joining: words))</ul>
            """
    }

    // MARK: Devices

    private var form: Markup {
        let filters = StatusQuery.Filter.allCases.map { filter in
            Self.option(filter.rawValue, filter.title, isChosen: filter == self.query.filter)
        }
        let orders = StatusQuery.Order.allCases.map { order in
            Self.option(order.rawValue, order.title, isChosen: order == self.query.order)
        }
        return """
            <form id="filter" method="get" action="/status" role="search">
            <label><span>Search</span><input type="search" name="q" value="\(self.query.search)" placeholder="device or job" \
            autocomplete="off" spellcheck="false"></label>
            <label><span>Show</span><select name="show">\(Markup(joining: filters))</select></label>
            <label><span>Order</span><select name="order">\(Markup(joining: orders))</select></label>
            <button>Apply</button>
            </form>
            """
    }

    private static func option(_ value: String, _ title: String, isChosen: Bool) -> Markup {
        let chosen: Markup = isChosen ? " selected" : ""
        return "<option value=\"\(value)\"\(chosen)>\(title)</option>"
    }

    private var count: Markup {
        let all = self.snapshot.devices.count
        if all == 0 { return "" }
        if self.total == 0 { return "None of \(Self.grouped(all)) devices with a session or work" }
        let of: Markup = self.total == all ? "" : " (of \(Self.grouped(all)))"
        return
            "\(Self.grouped(self.rows.startIndex + 1))–\(Self.grouped(self.rows.endIndex)) of \(Self.grouped(self.total)) devices\(of)"
    }

    private var deviceRows: Markup {
        guard !self.rows.isEmpty else {
            let text =
                self.snapshot.devices.isEmpty
                ? "No sessions and no work. Devices appear here as soon as this worker owns tasks for them."
                : "Nothing matches. Change the search or the filter."
            return "<tr class=\"empty\"><td colspan=\"7\">\(text)</td></tr>"
        }
        return Markup(joining: self.rows.map(Self.row))
    }

    private static func row(_ row: StatusSnapshot.DeviceRow) -> Markup {
        let warm: Markup = row.isWarm ? " <small>warm</small>" : ""
        let state: Markup =
            switch (row.state, row.trouble) {
            case (nil, .some): "<span class=\"tag failed\">failing</span>"
            case (nil, nil): "<span class=\"tag\">none</span>"
            case (let value?, .some):
                "<span class=\"tag failed\">failing</span> <span class=\"tag \(value.rawValue)\">\(value.rawValue)</span>"
            case (let value?, nil): "<span class=\"tag \(value.rawValue)\">\(value.rawValue)</span>\(warm)"
            }
        var activity: [Markup] = []
        if let running = row.running { activity.append("<b>\(running.operation)</b> <bdi>\(running.job)</bdi>") }
        if let trouble = row.trouble {
            let attempts: Markup =
                trouble.failures > 1
                ? " <small>\(Self.grouped(trouble.failures)) attempts, the last at \(Self.clock(trouble.last))</small>"
                : ""
            activity.append("<code>\(trouble.code)</code> <bdi>\(trouble.message)</bdi>\(attempts)")
        }
        return """
            <tr><th scope="row"><bdi>\(row.device)</bdi></th><td>\(state)</td>\
            <td class="number">\(row.age.map(self.age) ?? "–")</td>\
            <td class="number">\(row.waiting == 0 ? "–" : self.grouped(row.waiting))</td>\
            <td class="job">\(activity.isEmpty ? "<span class=\"none\">–</span>" : Self.lines(activity))</td>\
            <td class="number">\(row.running.map { self.span($0.age) } ?? row.trouble.map { self.age($0.age) } ?? "–")</td>\
            <td class="number">\(row.running.map { self.left($0.left) } ?? "–")</td></tr>
            """
    }

    private static func lines(_ parts: [Markup]) -> Markup {
        Markup(joining: parts.enumerated().map { $0 == 0 ? $1 : "<br>\($1)" })
    }

    private var pages: Markup {
        let last = StatusQuery.pages(of: self.total)
        guard last > 1 else { return "" }
        let current = self.query.page(of: self.total)
        func link(_ page: Int, _ text: String, _ isPossible: Bool) -> Markup {
            isPossible
                ? "<a href=\"\(self.query.address(page: page))\">\(text)</a>"
                : "<span aria-disabled=\"true\">\(text)</span>"
        }
        return """
            \(link(1, "First", current > 1))\(link(current - 1, "Previous", current > 1))\
            <span aria-current="page">Page \(Self.grouped(current)) of \(Self.grouped(last))</span>\
            \(link(current + 1, "Next", current < last))\(link(last, "Last", current < last))
            """
    }

    // MARK: Failures and partitions

    private var shownFailures: ArraySlice<RecentFailures.Failure> {
        self.query.select(self.snapshot.failures).prefix(
            self.query.search.isEmpty ? Self.maximumFailures : Self.maximumFoundFailures)
    }

    private var failureCount: Markup {
        let kept = self.snapshot.failures.count
        let shown = self.shownFailures.count
        guard kept > 0, shown > 0 else { return "" }
        let hint: Markup =
            self.query.search.isEmpty
            ? (kept > shown ? "; the search is in all of them" : "") : " that match the search"
        return "The last \(Self.grouped(shown)) of \(Self.grouped(kept)) that are kept\(hint)"
    }

    private var failures: Markup {
        let failures = self.shownFailures
        guard !failures.isEmpty else {
            let text =
                self.snapshot.failures.isEmpty
                ? "No task has failed since this worker started." : "None matches the search."
            return "<tr class=\"empty\"><td colspan=\"5\">\(text)</td></tr>"
        }
        return Markup(
            joining: failures.map { failure -> Markup in
                """
                <tr><td class="time">\(Self.moment(failure.time))</td><th scope="row"><bdi>\(failure.device)</bdi></th>\
                <td><span class="tag \(failure.outcome.rawValue)">\(failure.outcome.rawValue)</span></td>\
                <td class="reason"><code>\(failure.code)</code> <bdi>\(failure.message)</bdi></td>\
                <td class="job"><b>\(failure.operation)</b> <bdi>\(failure.job)</bdi></td></tr>
                """
            })
    }

    /// Day and time, without the year: a worker may run for months.
    private static func moment(_ milliseconds: Int64) -> Markup {
        "\(Timestamp.text(milliseconds).dropFirst(5).prefix(5).description) \(Self.clock(milliseconds))"
    }

    private static func clock(_ milliseconds: Int64) -> String {
        Timestamp.text(milliseconds).dropFirst(11).prefix(8).description
    }

    private var partitions: Markup {
        guard let execution = self.snapshot.status.execution, !execution.windows.isEmpty else {
            return "<tr class=\"empty\"><td colspan=\"6\">This worker owns no partition of the task topic.</td></tr>"
        }
        let lag = self.snapshot.lag.tasks
        // What needs attention first; most need none, and stay in their order.
        func urgency(_ window: WorkerStatus.Window) -> (Int, Int64, Int32) {
            (window.isPaused || window.isDraining ? 0 : 1, -(lag[window.partition] ?? 0), window.partition)
        }
        let windows = execution.windows.sorted { urgency($0) < urgency($1) }
        return Markup(
            joining: windows.prefix(Self.maximumPartitions).map { window -> Markup in
                let state: Markup =
                    if window.isDraining {
                        "<span class=\"tag closing\">draining</span>"
                    } else if window.isPaused {
                        "<span class=\"tag waiting\">paused: window full</span>"
                    } else {
                        "<span class=\"tag idle\">open</span>"
                    }
                return """
                    <tr><th scope="row" class="number">\(window.partition)</th><td class="number">\(window.base.map(String.init) ?? "–")</td>\
                    <td class="number">\(Self.grouped(window.span))</td><td class="number">\(Self.grouped(window.unfinished))</td>\
                    <td class="number">\(lag[window.partition].map { Self.grouped(Int($0)) } ?? "–")</td>\
                    <td>\(state)</td></tr>
                    """
            })
    }

    // MARK: Numbers

    /// With a narrow space between groups of three digits (ISO 80000-1).
    static func grouped(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202F}" }
            text.append(digit)
        }
        return number < 0 ? "-\(text)" : text
    }

    static func rate(_ rate: Double) -> String {
        rate < 10 ? self.decimal(rate) : self.grouped(Int(rate.rounded()))
    }

    private static func decimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }

    /// In whole minutes from one minute on: what has been so for long needs no seconds, and a page of it is sent once a minute.
    static func age(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        return (60..<3_600).contains(seconds) ? "\(seconds / 60) min" : self.span(duration)
    }

    static func left(_ duration: Duration) -> String { duration > .zero ? self.span(duration) : "overdue" }

    static func span(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3_600: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: return "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
        }
    }
}
