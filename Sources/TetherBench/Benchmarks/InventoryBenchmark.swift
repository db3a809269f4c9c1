import ArgumentParser
import Devices
import Foundation

/// `TetherBench inventory`: how long a large inventory takes to load, and how much memory; each form in a process of its own, so that one's memory isn't
/// the other's.
struct InventoryBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "Loading an inventory of 50,000 devices, as YAML and as CSV.")

    @OptionGroup var options: BenchmarkOptions
    @Option(help: "Devices.")
    var devices: Int?

    func run() async throws {
        var report = Report()
        try Self.measure(self.options, devices: self.devices, into: &report)
        report.finish(self.options)
    }

    static func measure(_ options: BenchmarkOptions, devices: Int? = nil, into report: inout Report) throws {
        Report.progress("inventory")
        let devices = devices ?? (options.quick ? 5_000 : 50_000)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tether-inventory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var rows: [[String]] = []
        for (form, text) in [("yaml", self.yaml(devices)), ("csv", self.csv(devices))] {
            let path = folder.appendingPathComponent(form == "csv" ? "devices.csv" : "inventory.yaml").path
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let turns = try (0..<options.turns).map { _ in try MeasuredInventory.measure(path) }
            let seconds = turns.map(\.wallSeconds).median
            let cpu = turns.map(\.cpuSeconds).median
            let resident = turns.map { Double($0.rssBytes) / 1e6 }.median
            report.add("inventory_\(form)_seconds", seconds)
            report.add("inventory_\(form)_cpu_seconds", cpu)
            report.add("inventory_\(form)_peak_mb", resident)
            rows.append([
                "\(form), \(devices) devices, \(text.utf8.count / 1000) KB", Report.number(seconds), Report.number(cpu),
                Report.number(resident),
            ])
        }
        Report.table(
            "Inventory: loading (medians of \(options.turns))",
            columns: ["", "seconds", "CPU seconds", "peak resident MB of the whole process"], rows: rows)
    }

    /// Devices as operators write them: some settings of their own, tags, groups by tags, defaults.
    private static func yaml(_ count: Int) -> String {
        var text = "defaults: {device_type: cisco_iosxe, user: automation}\ndevices:\n"
        for index in 0..<count {
            text += "  access-\(index):\n    host: 10.\(index / 65536).\(index / 256 % 256).\(index % 256)\n"
            text += "    tags: [site-\(index % 500), access]\n    description: floor \(index % 40), rack \(index % 9)\n"
            if index % 10 == 0 { text += "    port: 2222\n    device_type: arista_eos\n" }
        }
        return text + self.groups
    }

    private static func csv(_ count: Int) -> String {
        var text = "name,host,device_type,user,port,tags,description\n"
        for index in 0..<count {
            text += "access-\(index),10.\(index / 65536).\(index / 256 % 256).\(index % 256),"
            text += "\(index % 10 == 0 ? "arista_eos" : "cisco_iosxe"),automation,\(index % 10 == 0 ? "2222" : ""),"
            text += "site-\(index % 500);access,\"floor \(index % 40), rack \(index % 9)\"\n"
        }
        return text
    }

    private static var groups: String {
        "groups:\n" + (0..<500).map { "  site-\($0): {tags: [site-\($0)]}\n" }.joined()
    }
}

/// `TetherBench measured-inventory`: loads one inventory, and prints what that took.
struct MeasuredInventory: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "measured-inventory", shouldDisplay: false)

    @Argument var path: String

    func run() throws {
        let before = ResourceUsage.residentBytes() ?? 0
        let start = ResourceUsage.now
        let inventory = try Inventory(path: self.path)
        let spent = ResourceUsage.now - start
        var measurement = Measurement(
            mode: "inventory", sessions: 0, count: inventory.deviceCount, spent: spent, rssBefore: before)
        measurement.rssBytes = ResourceUsage.peakResidentBytes() ?? measurement.rssBytes
        print(try measurement.line())
        // It is to be there until now.
        withExtendedLifetime(inventory) {}
    }

    /// In a process of its own.
    static func measure(_ path: String) throws -> Measurement {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["measured-inventory", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return try Measurement(lastLineOf: text)
    }
}
