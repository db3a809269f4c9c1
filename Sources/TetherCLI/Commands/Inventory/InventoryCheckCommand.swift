import ArgumentParser
import Devices

extension InventoryCommand {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read an inventory, and say all that is wrong with it.",
            discussion: """
                Exit status: 0 it can be used; 1 it can't, or with --strict there are warnings.

                Example: tether inventory check --inventory ./inventory
                """
        )

        @OptionGroup var options: InventoryOptions
        @Option(help: ArgumentHelp("Directory with platform definitions of your own.", valueName: "path"))
        var platforms: String?
        @Flag(help: "Warnings count as errors.")
        var strict = false
        @Flag(help: "One JSON object.")
        var json = false

        private struct Report: Encodable {
            struct File: Encodable {
                var name: String
                var form: String
                var devices: Int
            }
            struct Finding: Encodable {
                var file: String?
                var line: Int?
                var column: Int?
                var message: String
            }
            var ok = true
            var code: String?
            var devices = 0
            var groups = 0
            var files: [File] = []
            var errors: [Finding] = []
            /// Errors beyond those told.
            var omitted = 0
            var warnings: [Finding] = []
        }

        func run() async throws {
            var report = Report()
            do {
                let inventory = try await self.options.load()
                report.devices = inventory.deviceCount
                report.groups = inventory.groupNames.count
                report.files = inventory.files.map {
                    Report.File(name: $0.name, form: $0.form.rawValue, devices: $0.devices)
                }
                let check = try InventoryCheck(inventory, platforms: self.platforms, environmentPrefix: "TETHER")
                report.errors = check.errors.map(Self.finding)
                report.warnings = check.warnings.map {
                    Report.Finding(file: $0.file, line: $0.line, message: $0.message)
                }
            } catch let error as InventoryError {
                report.errors = error.all.map(Self.finding)
                report.omitted = error.omitted
            } catch let error as DeviceError {
                report.errors = [Report.Finding(message: error.message)]
            }
            report.ok = report.errors.isEmpty && !(self.strict && !report.warnings.isEmpty)
            if !report.errors.isEmpty { report.code = "inventory.invalid" }
            if self.json {
                Console.write(try JSONLine.text(report) + "\n")
            } else {
                Self.show(report)
            }
            if !report.ok { throw ExitStatus.failed.code }
        }

        private static func finding(_ error: InventoryError) -> Report.Finding {
            Report.Finding(file: error.file, line: error.line, column: error.column, message: error.message)
        }

        private static func show(_ report: Report) {
            for file in report.files {
                Console.write("\(file.name): \(file.form), \(file.devices) device\(file.devices == 1 ? "" : "s")\n")
            }
            for (kind, findings) in [("error", report.errors), ("warning", report.warnings)] {
                for finding in findings {
                    let place = [finding.file, finding.line.map(String.init), finding.column.map(String.init)]
                        .compactMap { $0 }.joined(separator: ":")
                    Console.write("\(place.isEmpty ? "" : "\(place): ")\(kind): \(finding.message)\n")
                }
            }
            if report.omitted > 0 { Console.write("and \(report.omitted) more errors\n") }
            let counts = "\(report.errors.count + report.omitted) errors, \(report.warnings.count) warnings"
            Console.write(
                report.errors.isEmpty
                    ? "\(report.devices) devices, \(report.groups) groups; \(counts)\n"
                    : "\(counts): this inventory can't be used\n")
        }
    }
}
