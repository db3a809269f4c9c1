import ArgumentParser
import Foundation
import Jobs

/// What is to be done on each device, from flags. Whatever else the contract has is for a job file.
struct OperationOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("command")],
        help: ArgumentHelp("Run a command; several are run in order, up to the first that fails.", valueName: "command")
    )
    var commands: [String] = []

    @Option(help: ArgumentHelp("Run the commands that the inventory has under this name.", valueName: "name"))
    var sequence: String?

    @Option(
        help: ArgumentHelp(
            "Enter the configuration lines of a file; - reads standard input.", valueName: "file"),
        completion: .file())
    var configure: String?

    @Flag(help: "With --configure: only tell what would change.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "With --configure: commit for so long, and for good as soon as the device has answered after that.",
            valueName: "time"))
    var commitWithin: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Write a file of up to 512 KB to the device. Split at the first colon.", valueName: "local:remote"),
        completion: .file())
    var upload: String?

    @Option(
        help: ArgumentHelp(
            "With one -c: its output has to contain this text; /…/ takes it as a regular expression, ! in front negates. May be repeated.",
            valueName: "text"))
    var check: [String] = []

    @Flag(help: "Fetch the configuration.")
    var backup = false

    @Flag(help: "Only see whether the device answers.")
    var probe = false

    /// Inline files: the contract's 700,000 characters of base64.
    static let longestUpload = 524_288

    /// The operation as the contract writes it; `nil` when no flag asks for one.
    func operation() throws -> JSONObject? {
        var kinds: [String] = []
        if !self.commands.isEmpty { kinds.append("-c") }
        if self.sequence != nil { kinds.append("--sequence") }
        if self.configure != nil { kinds.append("--configure") }
        if self.upload != nil { kinds.append("--upload") }
        if self.backup { kinds.append("--backup") }
        if self.probe { kinds.append("--probe") }
        guard kinds.count <= 1 else {
            throw ValidationError(
                "Give one of \(kinds.joined(separator: " and ")); several things in a row are `steps` of a job file.")
        }
        guard self.configure != nil || (!self.dryRun && self.commitWithin == nil) else {
            throw ValidationError("--dry-run and --commit-within go with --configure.")
        }
        guard !self.dryRun || self.commitWithin == nil else {
            throw ValidationError("Give either --dry-run or --commit-within.")
        }
        guard self.check.isEmpty || self.commands.count == 1 else {
            throw ValidationError("--check looks at the output of one command: give it with -c.")
        }
        if !self.check.isEmpty { return self.checks(of: self.commands[0]) }
        if !self.commands.isEmpty {
            return Self.object("run", ("commands", .array(self.commands.map { .string($0) })))
        }
        if let sequence { return Self.object("sequence", ("name", .string(sequence))) }
        if let configure { return try self.configuration(from: configure) }
        if let upload { return try Self.upload(upload) }
        if self.backup { return Self.object("backup") }
        return self.probe ? Self.object("probe") : nil
    }

    private func checks(of command: String) -> JSONObject {
        let assertions = self.check.map { text in
            let isNegated = text.hasPrefix("!")
            let text = isNegated ? String(text.dropFirst()) : text
            let isPattern = text.count > 2 && text.hasPrefix("/") && text.hasSuffix("/")
            let name = (isNegated ? "not_" : "") + (isPattern ? "matches" : "contains")
            let expected = isPattern ? String(text.dropFirst().dropLast()) : text
            return JSONValue.object(
                JSONObject([.init("command", .string(command)), .init(name, .string(expected))]))
        }
        return Self.object("check", ("assertions", .array(assertions)))
    }

    private func configuration(from path: String) throws -> JSONObject {
        let bytes = try Self.read(path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(.invalidInput, "\(path) is not UTF-8 text.")
        }
        var object = Self.object("configure", ("text", .string(text)))
        if self.dryRun { object["commit"] = .string("dry_run") }
        if let commitWithin {
            object["commit"] = .object(JSONObject([.init("within", commitWithin.json)]))
        }
        return object
    }

    private static func upload(_ argument: String) throws -> JSONObject {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw ValidationError("--upload takes LOCAL:REMOTE, such as banner.txt:flash:banner.txt.")
        }
        let bytes = try Self.read(String(parts[0]))
        guard bytes.count <= Self.longestUpload else {
            throw CommandFailure(
                .invalidInput,
                "\(parts[0]) has \(bytes.count) bytes, and a job carries at most \(Self.longestUpload). Put it into the workers' artifact folder or on a web server, and name it in a job file (`source`: `file` or `url`)."
            )
        }
        let inline = JSONValue.string(Data(bytes).base64EncodedString())
        return Self.object(
            "upload", ("source", .object(JSONObject([.init("inline", inline)]))),
            ("remote_path", .string(String(parts[1]))))
    }

    private static func read(_ path: String) throws -> [UInt8] {
        do {
            return try InputFile.bytes(of: path)
        } catch {
            throw CommandFailure(.invalidInput, "\(path) can't be read: \(error)")
        }
    }

    private static func object(_ type: String, _ members: (String, JSONValue)...) -> JSONObject {
        JSONObject([.init("type", .string(type))] + members.map { .init($0.0, $0.1) })
    }
}
