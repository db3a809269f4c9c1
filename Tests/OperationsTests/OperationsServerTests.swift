import AsyncHTTPClient
import Dispatch
import Foundation
import Kafka
import Logging
import NIOCore
import NIOPosix
import Testing
import Worker

@testable import Operations

@Suite struct OperationsServerTests {
    private func serving(
        _ source: SyntheticWorker, token: String? = nil, address: ListenAddress = .init(host: "127.0.0.1", port: 0),
        stallLimit: Duration = .seconds(20), _ body: (Client) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await TestServer.with({ bound in
            OperationsServer(
                .init(address: address, statusToken: token, version: "1.2.3", stallLimit: stallLimit), source: source,
                registry: MetricRegistry(), logger: logger, bound: bound)
        }) { port in
            try await body(Client(port: port))
        }
    }

    struct Client {
        /// For as many connections at a time as may follow a page. Lives as long as the process.
        private static let client: HTTPClient = {
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100
            return HTTPClient(
                eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
        }()

        let port: Int

        struct Answer {
            var status: UInt
            var headers: [String: String]
            var body: String
        }

        func get(_ path: String, _ headers: [(String, String)] = [], method: String = "GET") async throws -> Answer {
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)\(path)")
            request.method = .init(rawValue: method)
            for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
            let response = try await Self.client.execute(request, timeout: .seconds(30))
            let body = try await response.body.collect(upTo: 16 << 20)
            return Answer(
                status: response.status.code,
                headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
                body: String(buffer: body))
        }

        /// The first events of a stream, decoded, as soon as there are so many.
        func events(_ path: String, count: Int) async throws -> [[String: String]] {
            let request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)\(path)")
            let response = try await Self.client.execute(request, timeout: .seconds(30))
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var text = ""
            var events: [[String: String]] = []
            for try await piece in response.body {
                text += String(buffer: piece)
                while let end = text.range(of: "\n\n") {
                    for line in text[..<end.lowerBound].split(separator: "\n") where line.hasPrefix("data: ") {
                        events.append(
                            try JSONDecoder().decode([String: String].self, from: Data(line.dropFirst(6).utf8)))
                    }
                    text.removeSubrange(..<end.upperBound)
                }
                if events.count >= count { break }
            }
            return events
        }
    }

    @Test("health says what it knows, with the status that a probe goes by")
    func health() async throws {
        let source = SyntheticWorker(devices: 10)
        try await self.serving(source) { client in
            let live = try await client.get("/health/live")
            #expect(live.status == 200 && live.body == "{\"live\":true,\"reasons\":[]}\n")
            let ready = try await client.get("/health/ready")
            #expect(ready.status == 200 && ready.body.contains("\"partitions\":8"))
            #expect(ready.headers["content-type"] == "application/json" && ready.headers["cache-control"] == "no-store")

            source.change { $0.status.memberships[1].isReachable = false }
            let cut = try await client.get("/health/ready")
            #expect(cut.status == 503 && cut.body.contains("no broker has answered the role execute"))
            #expect(try await client.get("/health/live").status == 200)
            #expect(try await client.get("/health/ready", method: "HEAD").status == 503)
            #expect(try await client.get("/nothing").status == 404)
        }
    }

    @Test("a stuck event loop keeps nobody waiting who asks what is wrong")
    func stuck() async throws {
        let source = SyntheticWorker(devices: 50)
        source.change { state in
            state.status.execution?.unfinishedTasks = 3
            state.status.execution?.sinceProgress = .seconds(400)
        }
        try await self.serving(source) { client in
            _ = try await client.get("/status")
            source.setStuck(true)
            defer { source.setStuck(false) }
            let begin = ContinuousClock.now
            #expect(try await client.get("/metrics").body.contains("tether_tasks_running 10\n"))
            #expect(try await client.get("/health/ready").body.contains("\"partitions\":8"))
            #expect(.now - begin < .seconds(10))
            try await until("the page says how old its figures are") {
                try await client.get("/status").body.contains("an event loop is busy")
            }
        }
    }

    @Test("probes are answered while every event loop of the process is at work")
    func busy() async throws {
        try await self.serving(SyntheticWorker(devices: 3)) { client in
            let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator())
            let release = DispatchSemaphore(value: 0)
            for loop in loops { loop.execute { release.wait() } }
            // By a thread of its own: the test's own client lives on these loops.
            let (answers, answer) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
            Thread.detachNewThread {
                answer.yield(
                    RawClient.answer("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", port: client.port))
                for _ in loops { release.signal() }
                answer.finish()
            }
            let first = await answers.first { _ in true }
            #expect(first?.hasPrefix("HTTP/1.1 200 OK") == true)
        }
    }

    @Test("who opens connections and asks for nothing doesn't keep the probes out")
    func dribble() async throws {
        try await self.serving(SyntheticWorker(devices: 3)) { client in
            let idle = (0..<OperationsServer.maximumConnections + 40).map { _ in
                RawClient(port: client.port, sending: "GET /health/live HTTP/1.1\r\nHo")
            }
            defer { for client in idle { client.close() } }
            for _ in 0..<3 {
                let answer = try await client.get("/health/live")
                #expect(answer.status == 200)
            }
        }
    }

    @Test("a browser that follows the page and reads nothing is sent away")
    func deaf() async throws {
        let source = SyntheticWorker(devices: 1_000)
        try await self.serving(source, stallLimit: .seconds(1)) { client in
            let deaf = RawClient(
                port: client.port, receiveBuffer: 4_096,
                sending: "GET /status/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            defer { deaf.close() }
            try await until("it is there") {
                try await client.get("/metrics").body.contains("tether_status_clients 1\n")
            }
            try await until("it is gone") {
                source.change { state in
                    for index in state.sessions.indices { state.sessions[index].age = .seconds(.random(in: 1...59)) }
                }
                return try await client.get("/metrics").body.contains("tether_status_clients 0\n")
            }
        }
    }

    @Test("every answer, also that there is none, says how a browser is to treat it")
    func headers() async throws {
        try await self.serving(SyntheticWorker(devices: 3), token: "s3cret") { client in
            let paths: [(String, String, UInt)] = [
                ("GET", "/status", 401), ("GET", "/nothing", 404), ("POST", "/status", 405), ("TRACE", "/metrics", 405),
                ("GET", "/metrics", 200), ("GET", "/health/live", 200), ("HEAD", "/status/events", 401),
            ]
            for (method, path, status) in paths {
                let answer = try await client.get(path, method: method)
                #expect(answer.status == status, "\(method) \(path)")
                #expect(answer.headers["x-content-type-options"] == "nosniff", "\(method) \(path)")
                #expect(answer.headers["x-frame-options"] == "DENY")
                #expect(answer.headers["referrer-policy"] == "no-referrer")
                #expect(answer.headers["cache-control"] == "no-store")
                #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
                #expect(answer.headers["content-security-policy"]?.contains("default-src 'none'") == true)
                #expect((answer.headers["allow"] == "GET, HEAD") == (status == 405))
            }
        }
    }

    @Test("metrics are served in the text format")
    func metrics() async throws {
        try await self.serving(SyntheticWorker(devices: 97)) { client in
            let metrics = try await client.get("/metrics")
            #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(metrics.body.contains("tether_sessions{state=\"opening\"} 1\n"))
            #expect(metrics.body.contains("tether_build_info{version=\"1.2.3\",librdkafka=\""))
            #expect(metrics.body.contains("tether_ready 1\n"))
            // Devices have no series of their own unless somebody wants them.
            #expect(!metrics.body.contains("device=\""))
        }
    }

    @Test("the status page needs nothing from elsewhere, and its parts come from here")
    func page() async throws {
        try await self.serving(SyntheticWorker(devices: 50)) { client in
            let page = try await client.get("/status")
            #expect(page.status == 200)
            let policy = try #require(page.headers["content-security-policy"])
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
            #expect(page.headers["x-content-type-options"] == "nosniff")
            #expect(!page.body.contains("http://") && !page.body.contains("https://"))
            #expect(!page.body.contains("style=\"") && !page.body.contains("onclick"))
            for path in ["/status/status.css", "/status/status.js"] {
                #expect(page.body.contains(path))
                #expect(try await client.get(path).status == 200)
            }
            #expect(page.body.matches(of: /<tr><th scope="row"><bdi>[a-z]{3}-/).count == 50)
        }
    }

    @Test("thousands of devices are filtered, ordered and cut into pages here, not in the browser")
    func thousands() async throws {
        try await self.serving(SyntheticWorker(devices: 10_000)) { client in
            let first = try await client.get("/status")
            #expect(first.body.utf8.count < 60_000)
            #expect(first.body.contains("1–50 of 10\u{202F}000 devices"))
            #expect(first.body.matches(of: /<tbody id="rows">/).count == 1)
            let found = try await client.get("/status?q=FRA-core&show=work&order=waiting")
            let names = found.body.matches(of: /<tr><th scope="row"><bdi>([a-z]{3}-core-\d{5})<\/bdi><\/th><td><span/)
                .map { String($0.1) }
            #expect(!names.isEmpty && names.allSatisfy { $0.hasPrefix("fra-core") })
            let last = try await client.get("/status?page=999999")
            #expect(last.body.contains("9\u{202F}951–10\u{202F}000 of 10\u{202F}000 devices"))
            let none = try await client.get("/status?q=%3Cscript%3E")
            #expect(none.body.contains("Nothing matches") && none.body.contains("value=\"&lt;script&gt;\""))
        }
    }

    @Test("whatever devices and jobs are called and say, it is text")
    func escaping() async throws {
        let attack = "<img src=x onerror=alert(1)>\"'&\u{202E}\u{0}"
        let source = SyntheticWorker(devices: 0)
        source.change { state in
            state.status.name = attack
            state.sessions = [.init(device: attack, state: .busy, id: attack, age: .seconds(3))]
            state.lanes = [
                .init(
                    device: attack, waiting: 1,
                    running: .init(job: attack, operation: attack, age: .seconds(1), left: .seconds(1)))
            ]
            state.failures = [
                .init(
                    time: 0, job: attack, device: attack, operation: attack, outcome: .failed, code: attack,
                    message: attack)
            ]
            state.status.failure = attack
        }
        try await self.serving(source) { client in
            let page = try await client.get("/status?q=\("<b>".addingPercentEncoding(withAllowedCharacters: []) ?? "")")
            let all = try await client.get("/status")
            for body in [page.body, all.body] {
                #expect(!body.contains("<img") && !body.contains("<b>\"") && !body.contains("\u{202E}"))
                #expect(!body.unicodeScalars.contains("\u{0}"))
            }
            #expect(all.body.components(separatedBy: "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;").count > 5)
            let event = try #require(try await client.events("/status/events", count: 1).first)
            #expect(event["rows"]?.contains("&lt;img") == true && event["rows"]?.contains("<img") == false)
        }
    }

    @Test("who follows the page gets all of it first, and then what has changed, of what they look at")
    func following() async throws {
        let source = SyntheticWorker(devices: 60)
        try await self.serving(source) { client in
            let change = Task {
                while !Task.isCancelled {
                    source.change { state in
                        for index in state.sessions.indices {
                            state.sessions[index].age = .seconds(.random(in: 1...59))
                        }
                    }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            defer { change.cancel() }
            let events = try await client.events("/status/events?page=2", count: 2)
            #expect(
                Set(events[0].keys).isSuperset(of: [
                    "time", "health", "figures", "rows", "pages", "failures", "partitions",
                ]))
            #expect(events[0]["rows"]?.components(separatedBy: "<tr>").count == 11)
            // What is as it was isn't sent again.
            #expect(events[1]["rows"] != nil && events[1]["failures"] == nil)
        }
    }

    @Test("only so many follow the page at a time, and who leaves makes room")
    func followers() async throws {
        let source = SyntheticWorker(devices: 1)
        try await self.serving(source) { client in
            var tasks: [Task<Void, any Error>] = []
            for _ in 0..<StatusFeed.maximumClients {
                tasks.append(Task { _ = try await client.events("/status/events", count: .max) })
            }
            defer { for task in tasks { task.cancel() } }
            try await until("all places are taken") {
                try await client.get("/metrics").body.contains("tether_status_clients \(StatusFeed.maximumClients)\n")
            }
            #expect(try await client.get("/status/events").status == 503)
            for task in tasks { task.cancel() }
            // Noticed at the next write: something has to change.
            try await until("the places are free again") {
                source.change { $0.sessions[0].age = .seconds(.random(in: 1...5_000)) }
                return try await client.get("/metrics").body.contains("tether_status_clients 0\n")
            }
        }
    }

    @Test("with a token, the page is for those who have it; health and metrics stay open")
    func token() async throws {
        try await self.serving(SyntheticWorker(devices: 5), token: "s3cret") { client in
            for path in ["/status", "/status/events", "/status/status.js"] {
                let refused = try await client.get(path)
                #expect(refused.status == 401 && refused.headers["www-authenticate"]?.hasPrefix("Basic ") == true)
            }
            #expect(try await client.get("/status", [("authorization", "Bearer s3cret")]).status == 200)
            let password = Data("anybody:s3cret".utf8).base64EncodedString()
            #expect(try await client.get("/status", [("authorization", "Basic \(password)")]).status == 200)
            for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "bearer", "Basic ???", "Bearer S3CRET"] {
                #expect(try await client.get("/status", [("authorization", wrong)]).status == 401, "\(wrong)")
            }
            #expect(try await client.get("/health/live").status == 200)
            #expect(try await client.get("/metrics").status == 200)
        }
    }

    @Test("where others can reach it and there is no token, there is no page")
    func closed() async throws {
        try await self.serving(SyntheticWorker(devices: 5), address: .init(host: "0.0.0.0", port: 0)) { client in
            let refused = try await client.get("/status")
            #expect(refused.status == 403 && refused.body.contains("--status-token-file"))
            #expect(try await client.get("/health/ready").status == 200)
        }
    }

    @Test("a page from elsewhere that has made its name stand for this machine gets nothing")
    func rebinding() async throws {
        try await self.serving(SyntheticWorker(devices: 5)) { client in
            for (name, status) in [
                ("evil.example:9464", 403), ("127.0.0.1.evil.example", 403), ("localhost:1", 200), ("LOCALHOST", 200),
                ("localhost:x@evil.example", 403), ("[::1].evil.example", 403), ("localhost.", 200), ("[::1]:80", 200),
                ("9464", 403), ("localhost.evil.example", 403),
            ] {
                // A client of good manners would not send some of these.
                let request = "HTTP/1.1\r\nHost: \(name)\r\nConnection: close\r\n\r\n"
                for path in ["/status", "/status/events", "/metrics"] where status != 200 || path == "/status" {
                    let answer = RawClient.answer("GET \(path) \(request)", port: client.port)
                    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(name) \(path)")
                }
                // A probe names the machine as it likes.
                #expect(RawClient.answer("GET /health/live \(request)", port: client.port).hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test(
        "addresses are understood as they are meant",
        arguments: [
            ("127.0.0.1:9464", .init(host: "127.0.0.1", port: 9464)), ("9464", .init(host: "127.0.0.1", port: 9464)),
            ("[::1]:80", .init(host: "::1", port: 80)), ("0.0.0.0:0", .init(host: "0.0.0.0", port: 0)),
            ("localhost:65535", .init(host: "localhost", port: 65_535)), ("::1:80", nil), (":80", nil), ("host", nil),
            ("host:", nil), ("host:65536", nil), ("-1", nil), ("70000", nil), ("", nil),
        ] as [(String, ListenAddress?)])
    func addresses(text: String, expected: ListenAddress?) {
        #expect(ListenAddress(text) == expected)
    }

    @Test(
        "this machine is this machine only",
        arguments: [
            ("127.0.0.1", true), ("127.9.9.9", true), ("localhost", true), ("::1", true), ("0.0.0.0", false),
            ("::", false), ("10.0.0.1", false), ("127.0.0.1.example", false), ("127.0.0", false),
        ])
    func loopback(host: String, expected: Bool) {
        #expect(ListenAddress(host: host, port: 1).isLoopback == expected)
    }
}

/// Waits for a condition, with a deadline.
func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool) async throws {
    struct NotInTime: Error { let what: String }
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(what: what) }
        try await Task.sleep(for: .milliseconds(20))
    }
}
