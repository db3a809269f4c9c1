import Foundation
import Lab
import NIOCore

/// Simulated devices in one or several processes of `tether-lab`, and one inventory of all.
struct DeviceFarms: Sendable {
    /// What the devices have counted.
    struct Counters: Sendable {
        var logins = 0
        var failedLogins = 0
        var open = 0
        var maximumPerDevice = 0
    }

    private struct Farm: Sendable {
        var process: ChildProcess
        var control: String
    }

    let names: [String]
    /// The inventory file.
    let inventory: String
    private let farms: [Farm]

    /// Devices for the time of `body`, each with an address of its own in 127.0.0.0/8.
    ///
    /// - Parameter isWarm: as the inventory says.
    static func with<Result>(
        count: Int,
        processes: Int = 1,
        isWarm: Bool,
        in folder: URL,
        _ body: (DeviceFarms) async throws -> Result
    ) async throws -> Result {
        var farms: [Farm] = []
        func stop() async {
            await withTaskGroup { tasks in
                for farm in farms { tasks.addTask { await farm.process.stop() } }
            }
        }
        do {
            var entries: [String] = []
            for number in 0..<processes {
                let share = count * (number + 1) / processes - count * number / processes
                let file = folder.appendingPathComponent("farm-\(number).yaml").path
                let process = try ChildProcess(
                    try SiblingProgram.url("tether-lab"),
                    [
                        "devices", "--count", "\(share)", "--one-address-each", "--host", "127.\(10 + number).0.1",
                        "--base-port", "0", "--privileged", "--name-prefix", "farm\(number)-", "--inventory", file,
                        "--control", "127.0.0.1:0",
                    ]
                )
                farms.append(Farm(process: process, control: ""))
                let ready = try await process.line(withPrefix: "ready ", within: .seconds(120))
                guard let control = ready.split(separator: " ").first(where: { $0.hasPrefix("control=") })?.dropFirst(8)
                else { throw BenchmarkError("tether-lab didn't say where its control port is: \(ready)") }
                farms[number].control = String(control)
                // `  farm0-0001: {host: …`
                let text = try String(contentsOfFile: file, encoding: .utf8)
                entries += text.split(separator: "\n").filter { $0.hasPrefix("  farm") }.map(String.init)
            }
            let inventory = folder.appendingPathComponent("inventory.yaml").path
            let head = "general: {timeout: 30}\ndefaults: {user: admin, password: admin}\n"
            let groups = "groups:\n  lab: {tags: [lab], warm: \(isWarm)}\n"
            try (head + "devices:\n" + entries.joined(separator: "\n") + "\n" + groups)
                .write(toFile: inventory, atomically: true, encoding: .utf8)
            let names = entries.compactMap { $0.split(separator: ":").first?.trimmingCharacters(in: .whitespaces) }
            let result = try await body(DeviceFarms(names: names, inventory: inventory, farms: farms))
            await stop()
            return result
        } catch {
            await stop()
            throw error
        }
    }

    private init(names: [String], inventory: String, farms: [Farm]) {
        self.names = names
        self.inventory = inventory
        self.farms = farms
    }

    func counters() async throws -> Counters {
        var counters = Counters()
        for farm in self.farms {
            let text = try await self.order(farm, ["stats"])
            func figure(_ name: String) -> Int {
                guard let range = text.range(of: "\"\(name)\":") else { return 0 }
                return Int(text[range.upperBound...].prefix(while: \.isNumber)) ?? 0
            }
            counters.logins += figure("logins")
            counters.failedLogins += figure("failed_logins")
            counters.open += figure("open")
            counters.maximumPerDevice = max(counters.maximumPerDevice, figure("max_sessions_per_device"))
        }
        return counters
    }

    /// Makes devices faulty; `none` heals them. Only with one process.
    func setFault(_ fault: String, of devices: [String]) async throws {
        for device in devices {
            for farm in self.farms { _ = try await self.order(farm, ["fault", device, fault]) }
        }
    }

    /// Cuts devices' connections. Only with one process.
    func dropConnections(of devices: [String]) async throws {
        for device in devices {
            for farm in self.farms { _ = try await self.order(farm, ["drop", device]) }
        }
    }

    /// Waits until so many sessions are open.
    func waitForSessions(_ count: Int, within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        var open = 0
        while ContinuousClock.now < end {
            open = try await self.counters().open
            if open == count { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchmarkError("\(open) of \(count) sessions are open after \(limit)")
    }

    /// Waits until sessions have ended.
    func waitForFewerSessions(than count: Int, within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if try await self.counters().open < count { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw BenchmarkError("\(count) sessions are still open after \(limit)")
    }

    private func order(_ farm: Farm, _ words: [String]) async throws -> String {
        guard let colon = farm.control.lastIndex(of: ":"), let port = Int(farm.control[colon...].dropFirst()) else {
            throw BenchmarkError("\(farm.control) is no address of a control port")
        }
        return try await ControlServer.send(
            words.joined(separator: " "), host: String(farm.control[..<colon]), port: port, timeout: .seconds(30))
    }
}
