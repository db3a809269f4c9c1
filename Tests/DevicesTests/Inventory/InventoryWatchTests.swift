import Foundation
import Logging
import NIOConcurrencyHelpers
import Testing

@testable import Devices

extension Logger {
    static var silent: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }
}

@Suite("Inventories that change")
struct InventoryWatchTests {
    private static func yaml(_ names: String...) -> String {
        "defaults: {device_type: linux}\ndevices: {\(names.map { "\($0): {host: \($0)}" }.joined(separator: ", "))}\n"
    }

    /// Follows a directory while `body` changes it; `body` gets what has been read since.
    private static func following(
        _ path: String, _ body: (InventoryWatch, @Sendable () -> [String]) async throws -> Void
    ) async throws {
        let watch = InventoryWatch(path: path, environment: [:], interval: .milliseconds(20), logger: .silent)
        _ = try await watch.load()
        let heard = NIOLockedValueBox<[String]>([])
        let run = Task {
            await watch.run { result in
                let text =
                    switch result {
                    case .success(let inventory): inventory.deviceNames.joined(separator: " ")
                    case .failure(let error): "error: \(error.all.count)"
                    }
                heard.withLockedValue { $0.append(text) }
            }
        }
        do {
            try await body(watch) { heard.withLockedValue { $0 } }
        } catch {
            run.cancel()
            throw error
        }
        run.cancel()
        await run.value
    }

    @Test("files that change, come and go are read; a broken one is told once, and what was before stays")
    func changes() async throws {
        let directory = try TemporaryDirectory(["a.yaml": Self.yaml("r1")])
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(directory.path)/\(name)", atomically: true, encoding: .utf8)
        }
        try await Self.following(directory.path) { watch, heard in
            try write("a.yaml", Self.yaml("r1", "r2"))
            try await until("the change is read") { heard() == ["r1 r2"] }
            try write("b.csv", "name,host\nr3,c\n")
            try await until("the new file is read") { heard().last == "r1 r2 r3" }
            try write("a.yaml", "devices: {r1: [")
            try await until("the mistake is told") { heard().last == "error: 1" }
            try FileManager.default.removeItem(atPath: "\(directory.path)/b.csv")
            try write("a.yaml", Self.yaml("r1"))
            try await until("the good one is read") { heard().last == "r1" }
            // Other files don't count; what hasn't changed is read when somebody asks.
            try write("notes.txt", "x")
            let count = heard().count
            watch.readAgain()
            try await until("it is read again") { heard().count > count }
            #expect(heard().count == count + 1 && heard().last == "r1")
            #expect(heard().count { $0.hasPrefix("error") } <= 2)
        }
    }

    @Test("a ConfigMap's files change by a link that is swapped")
    func linkSwap() async throws {
        let directory = try TemporaryDirectory()
        let files = FileManager.default
        func revision(_ name: String, _ text: String) throws {
            try files.createDirectory(atPath: "\(directory.path)/\(name)", withIntermediateDirectories: true)
            try text.write(toFile: "\(directory.path)/\(name)/inventory.yaml", atomically: true, encoding: .utf8)
        }
        func swap(to name: String) throws {
            try files.createSymbolicLink(atPath: "\(directory.path)/..data_tmp", withDestinationPath: name)
            guard rename("\(directory.path)/..data_tmp", "\(directory.path)/..data") == 0 else {
                throw InventoryError(message: "no swap")
            }
        }
        try revision("..2026_1", Self.yaml("r1"))
        try swap(to: "..2026_1")
        try files.createSymbolicLink(
            atPath: "\(directory.path)/inventory.yaml", withDestinationPath: "..data/inventory.yaml")
        try await Self.following(directory.path) { _, heard in
            // As long as the first, so that only the link and what is behind it differ.
            try revision("..2026_2", Self.yaml("r2"))
            try swap(to: "..2026_2")
            try files.removeItem(atPath: "\(directory.path)/..2026_1")
            try await until("the other is read") { heard() == ["r2"] }
        }
    }

    @Test("a directory that vanishes is a mistake, and one that comes back is read")
    func vanished() async throws {
        let directory = try TemporaryDirectory(["a.yaml": Self.yaml("r1")])
        let away = "\(directory.path)-away"
        defer { try? FileManager.default.removeItem(atPath: away) }
        try await Self.following(directory.path) { _, heard in
            try FileManager.default.moveItem(atPath: directory.path, toPath: away)
            try await until("it is told") { heard() == ["error: 1"] }
            try FileManager.default.moveItem(atPath: away, toPath: directory.path)
            try await until("it is read") { heard().last == "r1" }
        }
    }

    @Test("files are read when two looks in a row see the same, and once")
    func settling() throws {
        let directory = try TemporaryDirectory(["a.yaml": "devices: {}"])
        func stamps() -> FileStamps { FileStamps(path: directory.path) }
        var changes = FileChanges()
        changes.reads(stamps())
        let isUnchanged = !changes.look(stamps())
        #expect(isUnchanged)
        func append() throws {
            let file = try #require(FileHandle(forWritingAtPath: "\(directory.path)/a.yaml"))
            try file.seekToEnd()
            try file.write(contentsOf: Data("\n".utf8))
            try file.close()
        }
        try append()
        var results = [changes.look(stamps())]
        try append()
        results += [changes.look(stamps()), changes.look(stamps())]
        changes.reads(stamps())
        results += [changes.look(stamps()), changes.look(stamps())]
        #expect(results == [false, false, true, false, false])
    }

    @Test(
        "what a new inventory changes: devices, and what they get from groups, defaults and jump hosts",
        arguments: [
            ("devices: {a: {host: a}, b: {host: b}}", "devices: {b: {host: b}, c: {host: c}}", ["+c", "-a"]),
            ("devices: {a: {host: a}}", "devices: {a: {host: x}}", ["~a"]),
            ("devices: {a: {host: a, tags: [x]}}", "devices: {a: {host: a, tags: [y]}}", ["~a"]),
            (
                "devices: {a: {host: a}}\ngroups: {g: {members: [a], user: x}}",
                "devices: {a: {host: a}}\ngroups: {g: {members: [a], user: y}}", ["~a"]
            ),
            (
                "devices: {a: {host: a}}\ngroups: {g: {members: [a]}}",
                "devices: {a: {host: a}}\ngroups: {h: {members: [a]}}", ["~a"]
            ),
            ("devices: {a: {host: a}}", "devices: {a: {host: a, warm: true}}", ["~a"]),
            (
                "devices: {a: {host: a, jump_hosts: [b]}, b: {host: b}}",
                "devices: {a: {host: a, jump_hosts: [b]}, b: {host: b, port: 23}}", ["~a", "~b"]
            ),
            ("devices: {a: {host: a}}", "# the same\ndevices:\n  a: {host: a}\nsequences: {s: {default: [x]}}", []),
        ] as [(String, String, [String])])
    func change(old: String, new: String, expected: [String]) throws {
        let defaults = "\ndefaults: {device_type: linux}\n"
        let change = try Inventory(yaml: new + defaults).change(from: Inventory(yaml: old + defaults))
        #expect(change.names(atMost: 10) == expected)
        #expect(change.isEmpty == expected.isEmpty)
        #expect(change.names(atMost: 1) == Array(expected.prefix(1)))
    }
}
