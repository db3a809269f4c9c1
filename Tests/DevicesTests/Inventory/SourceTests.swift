import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import Devices

@Suite("Devices from HTTP sources")
struct SourceTests {
    /// A page of NetBox's, as `/api/dcim/devices/` gives it.
    private static func page(_ numbers: Range<Int>, next: String?) -> String {
        let devices = numbers.map { number in
            """
            {"id": \(number), "name": "sw-\(number)", "status": {"value": "active", "label": "Active"},
             "primary_ip": {"id": 1, "address": "10.0.0.\(number)/24", "family": 4}, "platform": {"slug": "arista-eos", "name": "EOS"},
             "site": {"slug": "berlin"}, "role": {"slug": "access"}, "tags": [{"slug": "edge", "name": "Edge"}], "serial": "x"}
            """
        }
        return
            "{\"count\": 4, \"next\": \(next.map { "\"\($0)\"" } ?? "null"), \"previous\": null, \"results\": [\(devices.joined(separator: ","))]}"
    }

    private static func inventory(
        _ server: HTTPAnswers, _ more: String = "", kind: String = "netbox", path: String = "/api/dcim/devices/"
    )
        throws -> TemporaryDirectory
    {
        try TemporaryDirectory([
            "a.yaml": """
            sources:
              - {url: '\(server.url(path))', kind: \(kind), token: {env: TOKEN}, timeout: 2s\(more)}
            devices: {local: {host: 192.0.2.1, device_type: linux}}
            groups: {edge: {tags: [edge], user: automation}}
            """
        ])
    }

    private static func watch(_ directory: TemporaryDirectory) -> InventoryWatch {
        InventoryWatch(
            path: directory.path, environment: ["TOKEN": "t0ken"], interval: .milliseconds(20), logger: .silent)
    }

    @Test("NetBox's pages are read in order; what isn't active, or has no name or address, is left out")
    func netbox() async throws {
        let others = """
            {"next": null, "results": [
              {"id": 5, "name": "old", "status": {"value": "decommissioning"}, "primary_ip": {"address": "10.0.0.9/24"}},
              {"id": 6, "name": null, "status": {"value": "active"}, "primary_ip": {"address": "10.0.0.9/24"}},
              {"id": 7, "name": "bare", "status": {"value": "active"}, "primary_ip": null},
              {"id": 8, "name": "two words", "status": {"value": "active"}, "primary_ip": {"address": "10.0.0.9/24"}},
              {"id": 9, "name": "v6", "primary_ip": {"address": "2001:db8::9/64"}, "platform": {"slug": "our-linux"}, "device_role": {"slug": "server"}},
              {"id": 10, "name": "what", "status": {"value": "active"}, "primary_ip": {"address": "10.0.0.10/24"}, "platform": null}]}
            """
        try await HTTPAnswers.with({ request in
            switch request.path {
            // Behind a proxy NetBox thinks that it is called otherwise.
            case "/api/dcim/devices/?limit=500":
                .json(Self.page(1..<3, next: "http://internal.invalid:1/api/dcim/devices/?limit=500&offset=2"))
            case "/api/dcim/devices/?limit=500&offset=2":
                .json(Self.page(3..<5, next: "/api/dcim/devices/?limit=500&offset=4"))
            case "/api/dcim/devices/?limit=500&offset=4": .json(others)
            default: .status("404 Not Found")
            }
        }) { server in
            let directory = try Self.inventory(server, ", platforms: {our-linux: linux}")
            let inventory = try await Self.watch(directory).load()
            #expect(inventory.deviceNames == ["local", "sw-1", "sw-2", "sw-3", "sw-4", "v6"])
            #expect(
                inventory["sw-3"]
                    == Device(
                        name: "sw-3", host: "10.0.0.3", platform: "arista_eos",
                        tags: ["edge", "site:berlin", "role:access"]))
            #expect(inventory["v6"]?.host == "2001:db8::9" && inventory["v6"]?.platform == "linux")
            #expect(inventory["v6"]?.tags == ["role:server"])
            #expect(inventory.group("edge")?.members.count == 4)
            #expect(inventory.resolve(["tag:site:berlin&role:access"]).devices.count == 4)
            #expect(inventory.files.map(\.form) == [.tether, .netbox])
            let name = server.url("/api/dcim/devices/")
            #expect(
                inventory.notes.map(\.message) == [
                    "`\(name)`: 1 without a platform left out, `what` the first; a `device_type` of the source would serve them",
                    "`\(name)`: 1 device without a name left out, `id 6`",
                    "`\(name)`: 1 device without a primary address left out, `bare`",
                    "`\(name)`: 1 device whose names can't be device names left out, `two words`",
                ])
            #expect(
                server.requests.map { $0.headers["authorization"] } == ["Token t0ken", "Token t0ken", "Token t0ken"])
        }
    }

    @Test("our own form of JSON is a list of devices, with the keys of the inventory")
    func own() async throws {
        let list =
            #"[{"name": "a", "host": "192.0.2.7", "device_type": "linux", "port": 2222, "tags": ["x"], "groups": ["edge"], "user": null}]"#
        for body in [list, "{\"devices\": \(list)}"] {
            try await HTTPAnswers.with({ _ in .json(body) }) { server in
                let directory = try Self.inventory(server, kind: "tether", path: "/devices.json?x=1")
                let inventory = try await Self.watch(directory).load()
                #expect(
                    inventory["a"] == Device(name: "a", host: "192.0.2.7", port: 2222, platform: "linux", tags: ["x"]))
                #expect(inventory.group("edge")?.members == ["a"])
                #expect(server.requests.map(\.path) == ["/devices.json?x=1"])
                #expect(server.requests.first?.headers["authorization"] == "Bearer t0ken")
            }
        }
    }

    struct Failure: Sendable, CustomTestStringConvertible {
        var answer: HTTPAnswers.Answer
        var expected: String
        var kind = "netbox"
        var testDescription: String { self.expected }
    }

    static let failures: [Failure] = [
        Failure(answer: .status("401 Unauthorized"), expected: "answers 401 Unauthorized: check the `token`"),
        Failure(answer: .status("500 Internal Server Error"), expected: "answers 500 Internal Server Error"),
        Failure(answer: .status("204 No Content"), expected: "answers 204 No Content"),
        Failure(answer: .never, expected: "doesn't answer within 2.0 seconds"),
        Failure(
            answer: .cut("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"next\": null, \"results\": ["),
            expected: "gives no complete answer"),
        Failure(
            answer: .cut("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"next\": null, \"results\": ["),
            expected: "is not JSON: ends too early"),
        Failure(answer: .json("<html>"), expected: "is not JSON: expected a value"),
        Failure(
            answer: .json("{\"detail\": \"no\"}"),
            expected: "doesn't answer with a list of NetBox's: there are no `results` in it"),
        Failure(answer: .json("{\"results\": [{\"id\": \"x\"}]}"), expected: "results[0].id: must be a whole number"),
        Failure(
            answer: .json("{\"results\": [], \"next\": \"/api/dcim/devices/?limit=500\"}"),
            expected: "leads from page to page in a circle"),
        Failure(
            answer: .status("302 Found", headers: ["Location: http://127.0.0.2:1/"]),
            expected:
                "redirects to `http://127.0.0.2`, which isn't the host that it is asked at: write that address in `url`"
        ),
        Failure(answer: .status("302 Found", headers: ["Location: /again"]), expected: "redirects more than 5 times"),
        Failure(answer: .status("302 Found"), expected: "redirects to what is no address"),
        Failure(
            answer: .json(
                #"[{"name": "a", "host": "b", "device_type": "linux", "password": {"file": "/etc/shadow"}}]"#),
            expected: "devices.a.password: a source gives no secrets, nor paths of this machine", kind: "tether"),
        Failure(answer: .json(#"[{"host": "b"}]"#), expected: "`name` is missing", kind: "tether"),
        Failure(
            answer: .json(#"{"hosts": []}"#),
            expected: "must be a list of devices, or an object with such a list under `devices`", kind: "tether"),
        Failure(
            answer: .json(#"[{"name": "local", "host": "b", "device_type": "linux"}]"#),
            expected: "devices.local: this device is given twice; the first is at", kind: "tether"),
    ]

    @Test("a source that doesn't serve at the start, without a cache, is told with its place", arguments: failures)
    func notServing(_ failure: Failure) async throws {
        try await HTTPAnswers.with({ _ in failure.answer }) { server in
            let directory = try Self.inventory(server, kind: failure.kind)
            let error = await #expect(throws: InventoryError.self) { try await Self.watch(directory).load() }
            let text = error?.description ?? ""
            #expect(text.contains(failure.expected), "\(text)")
            #expect(text.contains("127.0.0.1:\(server.port)") && !text.contains("t0ken"))
            #expect(server.requests.allSatisfy { $0.headers["host"]?.hasPrefix("127.0.0.1") == true })
        }
    }

    @Test("nobody listens: that is told, without waiting for long")
    func refused() async throws {
        let directory = try TemporaryDirectory([
            "a.yaml": "sources:\n  - {url: 'http://127.0.0.1:1/', kind: tether, timeout: 500ms}"
        ])
        let error = await #expect(throws: InventoryError.self) { try await Self.watch(directory).load() }
        #expect(
            error?.description.hasPrefix(
                "\(directory.path)/a.yaml:2:5: sources: `http://127.0.0.1:1/` can't be reached: ") == true)
    }

    @Test("the last good answer is kept without secrets, and serves at the start when the source doesn't")
    func cache() async throws {
        try await HTTPAnswers.with({ _ in .json(Self.page(1..<3, next: nil)) }) { server in
            let directory = try Self.inventory(server, ", cache: netbox.cache")
            #expect(try await Self.watch(directory).load().deviceCount == 3)
            let file = "\(directory.path)/netbox.cache"
            let kept = try String(contentsOfFile: file, encoding: .utf8)
            #expect(kept.contains("sw-1") && !kept.contains("t0ken"))
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)

            server.answer { _ in .status("503 Service Unavailable") }
            #expect(try await Self.watch(directory).load().deviceNames == ["local", "sw-1", "sw-2"])

            // One that can't be used isn't kept.
            server.answer { _ in
                .json(
                    #"{"results": [{"name": "local", "primary_ip": {"address": "10.0.0.1"}, "platform": {"slug": "linux"}}]}"#
                )
            }
            await #expect(throws: InventoryError.self) { try await Self.watch(directory).load() }
            #expect(try String(contentsOfFile: file, encoding: .utf8) == kept)

            // A cache of another source is none, and so is half a one.
            try kept.replacing("/api/", with: "/other/").write(toFile: file, atomically: true, encoding: .utf8)
            server.answer { _ in .status("503 Service Unavailable") }
            await #expect(throws: InventoryError.self) { try await Self.watch(directory).load() }
            try String(kept.dropLast(10)).write(toFile: file, atomically: true, encoding: .utf8)
            await #expect(throws: InventoryError.self) { try await Self.watch(directory).load() }
        }
    }

    @Test("a source is asked again when its time has come: what is new is news, what fails or stays the same is none")
    func refresh() async throws {
        try await HTTPAnswers.with({ _ in .json(Self.page(1..<3, next: nil)) }) { server in
            let directory = try Self.inventory(server, ", refresh: 1s")
            let watch = Self.watch(directory)
            #expect(try await watch.load().deviceCount == 3)
            let news = NIOLockedValueBox<[Int]>([])
            let run = Task {
                await watch.run { result in news.withLockedValue { $0.append((try? result.get().deviceCount) ?? -1) } }
            }
            try await until("it is asked again") { server.requests.count >= 2 }
            server.answer { _ in .status("500 Internal Server Error") }
            let before = server.requests.count
            try await until("it fails") { server.requests.count > before }
            server.answer { _ in .json(Self.page(1..<4, next: nil)) }
            try await until("there are more devices") { !news.withLockedValue { $0.isEmpty } }
            run.cancel()
            await run.value
            #expect(news.withLockedValue { $0 } == [4])
        }
    }
}
