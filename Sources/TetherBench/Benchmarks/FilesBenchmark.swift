import ArgumentParser
import Foundation
import Lab
import TestSupport

/// `TetherBench files`: one large file each way by SFTP and SCP, beside OpenSSH's `sftp` and `scp`, turn and turn about, against
/// the same OpenSSH server on this machine.
struct FilesBenchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "files",
        abstract: "File transfers, beside OpenSSH's own clients."
    )

    @OptionGroup var options: BenchmarkOptions

    func run() async throws {
        var report = Report()
        try await Self.measure(self.options, into: &report)
        report.finish(self.options)
    }

    /// Who copies.
    private enum Program: CaseIterable {
        /// With the cipher that the two agree on by themselves.
        case openSSH
        /// With the cipher and the MAC that ours uses.
        case openSSHSameCipher
        case ours

        var title: String {
            switch self {
            case .openSSH: "OpenSSH"
            case .openSSHSameCipher: "OpenSSH, our cipher"
            case .ours: "Tether"
            }
        }
    }

    private struct Turn {
        var wallSeconds: Double
        var cpuSeconds: Double
        var transfer: MeasuredTransfer.Result?
    }

    static func measure(_ options: BenchmarkOptions, into report: inout Report) async throws {
        let size = options.quick ? 50_000_000 : 200_000_000
        let folder = try TransferFolder(fileOf: size)
        defer { folder.remove() }
        let server = try await OpenSSHServer.start(.init(configuration: ["Subsystem sftp internal-sftp"]))
        defer { server.stop() }
        var rows: [[String]] = []
        for method in MeasuredTransfer.Method.allCases {
            for direction in MeasuredTransfer.Direction.allCases {
                let name = "\(method.rawValue)_\(direction.rawValue)"
                Report.progress("files: \(name)")
                var turns: [Program: [Turn]] = [:]
                for _ in 0..<options.turns {
                    for program in Program.allCases {
                        let turn = try await Self.run(program, method, direction, server, folder)
                        turns[program, default: []].append(turn)
                    }
                }
                rows.append(Self.row(name, megabytes: Double(size) / 1e6, turns, into: &report))
            }
        }
        Report.table(
            "Files: \(size / 1_000_000) MB, in MB a second (MB a CPU second of the client; medians of \(options.turns))",
            columns: [
                "", "OpenSSH", "OpenSSH, our cipher", "Tether", "of OpenSSH", "of its CPU rate", "memory growth, MB",
            ],
            rows: rows
        )
    }

    private static func row(
        _ name: String, megabytes: Double, _ turns: [Program: [Turn]], into report: inout Report
    ) -> [String] {
        func speed(_ program: Program) -> Double {
            turns[program, default: []].map { megabytes / $0.wallSeconds }.median
        }
        func rate(_ program: Program) -> Double { turns[program, default: []].map { megabytes / $0.cpuSeconds }.median }
        func cell(_ program: Program) -> String { "\(Report.number(speed(program))) (\(Report.number(rate(program))))" }
        let growth = turns[.ours, default: []].compactMap { $0.transfer.map { Double($0.growthBytes) / 1_048_576 } }
            .max()
        let ratio = speed(.ours) / speed(.openSSH)
        let rateRatio = rate(.ours) / rate(.openSSH)
        report.add("files_\(name)_mb_per_s", speed(.ours))
        report.add("files_\(name)_reference_mb_per_s", speed(.openSSH))
        report.add("files_\(name)_mb_per_cpu_s", rate(.ours))
        report.add("files_\(name)_reference_mb_per_cpu_s", rate(.openSSH))
        report.add("files_\(name)_memory_growth_mb", growth ?? .nan)
        report.add("files_\(name)_throughput_ratio", ratio)
        report.add("files_\(name)_same_cipher_throughput_ratio", speed(.ours) / speed(.openSSHSameCipher))
        report.add("files_\(name)_cpu_rate_ratio", rateRatio)
        return [
            name, cell(.openSSH), cell(.openSSHSameCipher), cell(.ours), "×\(Report.number(ratio))",
            "×\(Report.number(rateRatio))", growth.map(Report.number) ?? "",
        ]
    }

    /// One transfer by a process of its own, from its start to its end.
    private static func run(
        _ program: Program,
        _ method: MeasuredTransfer.Method,
        _ direction: MeasuredTransfer.Direction,
        _ server: OpenSSHServer,
        _ folder: TransferFolder
    ) async throws -> Turn {
        let (source, target) = (folder.source, folder.target)
        unlink(target)
        let executable: URL
        var arguments: [String]
        if program == .ours {
            executable = try SiblingProgram.url("TetherBench")
            arguments = [
                "transfer", method.rawValue, direction.rawValue, "--port", "\(server.port)", "--user", server.username,
                "--key", server.clientKeyPath, source, target,
            ]
        } else {
            arguments = [
                "-q", "-P", "\(server.port)", "-i", server.clientKeyPath, "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-F", "none",
            ]
            if program == .openSSHSameCipher {
                arguments += ["-o", "Ciphers=aes128-ctr,aes256-ctr", "-o", "MACs=hmac-sha2-256"]
            }
            let host = "\(server.username)@\(server.host)"
            switch method {
            case .sftp:
                executable = URL(fileURLWithPath: "/usr/bin/sftp")
                arguments += ["-b", try folder.batch(direction == .upload ? "put" : "get"), host]
            case .scp:
                executable = URL(fileURLWithPath: "/usr/bin/scp")
                arguments.insert("-O", at: 0)
                arguments += direction == .upload ? [source, "\(host):\(target)"] : ["\(host):\(source)", target]
            }
        }
        let (start, childrenStart) = (ResourceUsage.now, ResourceUsage.nowOfChildren)
        let output = try await ChildProcess(executable, arguments).output(within: .seconds(300))
        let (spent, childrenSpent) = (.now - start, ResourceUsage.nowOfChildren - childrenStart)
        try folder.checkTarget()
        return Turn(
            wallSeconds: spent.wallSeconds, cpuSeconds: childrenSpent.cpuSeconds,
            transfer: program == .ours ? try MeasuredTransfer.Result(lastLineOf: output) : nil)
    }
}

/// A folder with the file to copy, in memory if the machine has such a file system: disks differ from minute to minute.
private struct TransferFolder {
    private let path: String
    private let hash: String
    var source: String { self.path + "/source" }
    var target: String { self.path + "/target" }

    init(fileOf size: Int) throws {
        let memory = "/dev/shm"
        let parent = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        self.path = parent + "/tether-bench-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        var random = SystemRandomNumberGenerator()
        let block = Data((0..<125_000).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } })
        guard FileManager.default.createFile(atPath: self.path + "/source", contents: nil),
            let file = FileHandle(forWritingAtPath: self.path + "/source")
        else { throw BenchmarkError("\(self.path) takes no file") }
        var left = size
        var number: UInt64 = 0
        while left > 0 {
            // No block is like another one.
            var piece = block
            piece.replaceSubrange(0..<8, with: withUnsafeBytes(of: number) { Data($0) })
            number += 1
            try file.write(contentsOf: piece.prefix(left))
            left -= min(left, piece.count)
        }
        try file.close()
        self.hash = try MeasuredTransfer.hash(of: self.path + "/source")
    }

    /// A file of one line for `sftp -b`.
    func batch(_ command: String) throws -> String {
        let path = self.path + "/" + command
        try "\(command) \(self.source) \(self.target)\n".write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    func checkTarget() throws {
        guard try MeasuredTransfer.hash(of: self.target) == self.hash else {
            throw BenchmarkError("the copy is not like the original")
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}
