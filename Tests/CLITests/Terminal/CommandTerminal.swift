import Foundation
import Lab
import TestSupport
import Testing

/// What a test of a command at a terminal works with: simulated devices, an inventory file, and a folder that goes with the test.
final class CommandTerminal {
    let folder: URL
    let farm: DeviceFarm
    var inventory: String { self.folder.appendingPathComponent("inventory.yaml").path }

    static func with(
        devices count: Int = 1, extra: String = "", _ body: (CommandTerminal) async throws -> Void
    ) async throws {
        let terminal = try CommandTerminal(count, extra)
        defer {
            terminal.farm.stop()
            try? FileManager.default.removeItem(at: terminal.folder)
        }
        try await body(terminal)
    }

    private init(_ count: Int, _ extra: String) throws {
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.farm = try DeviceFarm(DeviceFarm.Options(personalities: [.ciscoIOSXE], count: count, basePort: 0))
        var text = FarmInventory.yaml(self.farm, user: "admin", password: "admin")
        if !extra.isEmpty { text = text.replacing("devices:\n", with: "devices:\n  \(extra)\n") }
        try Data(text.utf8).write(to: URL(fileURLWithPath: self.inventory))
    }

    static let environment = [
        "TERM": "xterm-256color", "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        "HOME": "/nonexistent", "LANG": "C.UTF-8",
    ]

    /// A program at a terminal. With `through`, a shell runs this with the program as `"$@"`.
    func start(
        _ arguments: [String], environment: [String: String] = [:], columns: Int = 80, through script: String? = nil,
        outputTo: String? = nil, errorsTo: String? = nil
    ) throws -> TerminalProcess {
        let tether = try SiblingProgram.url("tether").path
        let all = Self.environment.merging(environment) { $1 }
        guard let script else {
            return try TerminalProcess(
                tether, arguments, environment: all, columns: columns, outputTo: outputTo, errorsTo: errorsTo)
        }
        return try TerminalProcess(
            "/bin/bash", ["-c", script, "bash", tether] + arguments, environment: all, columns: columns,
            outputTo: outputTo, errorsTo: errorsTo)
    }

    /// `tether run` on all devices.
    func run(_ arguments: String...) -> [String] { ["run", "--inventory", self.inventory] + arguments }

    /// A file of the test's folder.
    func file(_ name: String) -> String { self.folder.appendingPathComponent(name).path }

    func text(of name: String) -> String {
        (try? String(decoding: Data(contentsOf: URL(fileURLWithPath: self.file(name))), as: UTF8.self)) ?? ""
    }
}

extension TerminalProcess {
    /// Waits for the end.
    /// - Returns: the exit status; the negative number of the signal that ended it.
    func end(within limit: Duration = .seconds(60)) async throws -> Int32 {
        try await self.until("the end", within: limit) { self.exitStatus != nil }
        return try #require(self.exitStatus)
    }

    func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while !condition() {
            guard ContinuousClock.now < deadline else {
                throw Failure("not within \(limit): \(what)\n\(self.output.debugDescription)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
