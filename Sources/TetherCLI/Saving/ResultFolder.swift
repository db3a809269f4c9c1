import Crypto
import Foundation
import Glibc
import Jobs

/// A folder of results: `<device>/<number>-<command>.txt` for the output of each command, `<device>/diff.txt` where there is a difference to tell, and
/// `index.json`, which says what is where.
///
/// Each file appears whole, under its name, or not at all; `index.json` comes last. Output that comes in pieces is kept on disk, not in memory. Confined to
/// its command.
final class ResultFolder {
    private let folder: URL
    /// Beginnings of files; on the same file system, so that they can be moved into their places.
    private let scratch: URL
    private let job: String
    private var entries: [Entry] = []
    /// Whose the names are, in lower case, because file systems exist that don't tell `R1` from `r1`. The index's own is nobody's.
    private var names = ["index.json": ""]
    private var pieces: [String: Pieces] = [:]
    private var nextScratchFile = 0

    struct Entry {
        var device: String
        var outcome: Outcome
        var error: ErrorDescription?
        var commands: [File]
        var difference: String?
    }

    struct File {
        var command: String
        var outcome: Outcome
        /// Below the folder; `nil` where there was no output.
        var path: String?
        var bytes = 0
        var sha256 = ""
        /// All of the output is in the file.
        var isComplete = true
    }

    /// Output of a task that came in pieces.
    private struct Pieces {
        var attempt = 0
        var nextSequence = 0
        var isGapless = true
        /// By index of the command.
        var files: [Int: URL] = [:]
    }

    /// Makes the folder if there is none. What another run left in it stays, but for files of the same names.
    init(_ path: String, job: String) throws {
        self.folder = URL(fileURLWithPath: path, isDirectory: true)
        self.scratch = self.folder.appendingPathComponent(".unfinished-\(getpid())-\(UInt32.random(in: .min ... .max))")
        self.job = job
        // Configurations hold secrets: a new folder is its owner's alone.
        try Self.make(self.folder, withParents: true, attributes: [.posixPermissions: 0o700])
        try Self.make(self.scratch)
        try? FileManager.default.removeItem(at: self.index)
    }

    private var index: URL { self.folder.appendingPathComponent("index.json") }

    /// Takes one reply: the first terminal result of each task, and what comes before it.
    func take(_ reply: Reply) throws {
        switch reply {
        case .output(let output): try self.append(output)
        case .result(let result): try self.save(result)
        case .accepted, .rejected, .finished: break
        }
    }

    /// Writes `index.json` and removes what is unfinished.
    /// - Parameter tasks: that the job has, if that is known.
    func finish(tasks: Int?) throws {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { self.writeIndex(to: &$0, tasks: tasks) }
        bytes.append(UInt8(ascii: "\n"))
        try self.place(bytes, at: self.index)
        try? FileManager.default.removeItem(at: self.scratch)
    }

    // MARK: Pieces

    private func append(_ output: Output) throws {
        var pieces = self.pieces[output.task] ?? Pieces()
        // From the beginning again, or in a later attempt: what was there before is void.
        if output.attempt > pieces.attempt || output.sequence == 0 {
            for file in pieces.files.values { try? FileManager.default.removeItem(at: file) }
            pieces.files = [:]
            pieces.isGapless = output.sequence == 0 || output.sequence == pieces.nextSequence
            pieces.attempt = output.attempt
        } else if output.attempt < pieces.attempt || output.sequence < pieces.nextSequence {
            return
        } else if output.sequence != pieces.nextSequence {
            pieces.isGapless = false
        }
        pieces.nextSequence = output.sequence + 1
        let file = pieces.files[output.command] ?? self.scratchFile()
        pieces.files[output.command] = file
        self.pieces[output.task] = pieces
        try Self.append(output.bytes, to: file)
    }

    private func scratchFile() -> URL {
        self.nextScratchFile += 1
        return self.scratch.appendingPathComponent("\(self.nextScratchFile)")
    }

    // MARK: Results

    private func save(_ result: DeviceResult) throws {
        let pieces = self.pieces.removeValue(forKey: result.task)
        let name = self.name(for: result.device)
        let downloads = result.detail?.downloads ?? [:]
        var entry = Entry(device: result.device, outcome: result.outcome, error: result.error, commands: [])
        for (index, command) in result.commands.enumerated() {
            var file = File(command: command.command, outcome: command.outcome)
            let number = index + 1 < 10 ? "0\(index + 1)" : "\(index + 1)"
            let path =
                downloads[index].map { "\(number)-\(SafeFileName.readable(Self.lastComponent(of: $0)))" }
                ?? "\(number)-\(SafeFileName.readable(command.command)).txt"
            if let output = command.output, !output.isEmpty {
                try self.place(output, at: self.destination(name, path))
                file.path = "\(name)/\(path)"
                file.bytes = output.count
                file.sha256 = Self.hexadecimal(SHA256.hash(data: output))
            } else if command.outputBytes > 0 {
                file.isComplete = false
                if let piece = pieces?.files[index] {
                    (file.bytes, file.sha256) = try Self.measure(piece)
                    try Self.move(piece, to: self.destination(name, path))
                    file.path = "\(name)/\(path)"
                    let isExpected = command.outputSHA256.map { $0 == file.sha256 } ?? (pieces?.isGapless ?? false)
                    file.isComplete = isExpected && file.bytes == command.outputBytes
                }
            }
            entry.commands.append(file)
        }
        for file in pieces?.files.values.map(\.self) ?? [] { try? FileManager.default.removeItem(at: file) }
        if let difference = result.detail?.difference, !difference.isEmpty {
            try self.place(Array(difference.utf8), at: self.destination(name, "diff.txt"))
            entry.difference = "\(name)/diff.txt"
        }
        self.entries.append(entry)
    }

    /// Of a path on a device, whatever separates its parts: `flash:/backup.rsc`, `C:\backup.rsc`.
    private static func lastComponent(of path: String) -> String {
        path.split(whereSeparator: { "/\\:".contains($0) }).last.map(String.init) ?? path
    }

    private func name(for device: String) -> String {
        var name = SafeFileName.unique(device)
        if let other = self.names[name.lowercased()], other != device { name = SafeFileName.marked(name, device) }
        self.names[name.lowercased()] = device
        return name
    }

    private func destination(_ device: String, _ file: String) throws -> URL {
        let folder = self.folder.appendingPathComponent(device, isDirectory: true)
        var information = stat()
        if lstat(folder.path, &information) == 0 {
            // A link that somebody else put here could lead anywhere.
            guard information.st_mode & S_IFMT == S_IFDIR else {
                throw CommandFailure(.cannotWrite, "\(folder.path) is no folder; give --save another one.")
            }
        } else {
            try Self.make(folder)
        }
        return folder.appendingPathComponent(file)
    }

    // MARK: Files

    private static func make(
        _ folder: URL, withParents: Bool = false, attributes: [FileAttributeKey: Any]? = nil
    ) throws {
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: withParents, attributes: attributes)
        } catch {
            throw CommandFailure(.cannotWrite, "\(folder.path) can't be made: \(error.localizedDescription)")
        }
    }

    private func place(_ bytes: [UInt8], at destination: URL) throws {
        let file = self.scratchFile()
        try Self.append(bytes, to: file)
        try Self.move(file, to: destination)
    }

    private static func append(_ bytes: [UInt8], to file: URL) throws {
        let descriptor = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(file) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { throw Self.failure(file) }
        }
    }

    private static func move(_ file: URL, to destination: URL) throws {
        guard rename(file.path, destination.path) == 0 else { throw Self.failure(destination) }
    }

    private static func measure(_ file: URL) throws -> (bytes: Int, sha256: String) {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        var function = SHA256()
        var bytes = 0
        while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty {
            function.update(data: data)
            bytes += data.count
        }
        return (bytes, Self.hexadecimal(function.finalize()))
    }

    private static func failure(_ file: URL) -> CommandFailure {
        CommandFailure(.cannotWrite, "\(file.path) can't be written: \(String(cString: strerror(errno))).")
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: The index

    private func writeIndex(to writer: inout JSONWriter, tasks: Int?) {
        writer.object { writer in
            writer.field("version", 1)
            writer.field("job", self.job)
            if let tasks {
                writer.field("tasks", tasks)
            }
            writer.name("devices")
            writer.array(self.entries.sorted { $0.device < $1.device }) { writer, entry in
                writer.object { Self.write(entry, to: &$0) }
            }
        }
    }

    private static func write(_ entry: Entry, to writer: inout JSONWriter) {
        writer.field("device", entry.device)
        writer.field("outcome", entry.outcome.rawValue)
        if let error = entry.error {
            writer.name("error")
            writer.object { writer in
                writer.field("code", error.code)
                writer.field("message", error.message)
            }
        }
        if let difference = entry.difference {
            writer.field("diff", difference)
        }
        writer.name("commands")
        writer.array(entry.commands) { writer, file in
            writer.object { writer in
                writer.field("command", file.command)
                writer.field("outcome", file.outcome.rawValue)
                guard let path = file.path else { return }
                writer.field("file", path)
                writer.field("bytes", file.bytes)
                writer.field("sha256", file.sha256)
                writer.field("complete", bool: file.isComplete)
            }
        }
    }
}

extension OperationDetail {
    /// Inline downloads: the path on the device, by the index of the command that has the file as its output.
    fileprivate var downloads: [Int: String] {
        switch self {
        case .download(let detail): detail.command.map { [$0: detail.remotePath] } ?? [:]
        case .steps(let steps):
            steps.reduce(into: [:]) { all, step in all.merge(step.detail?.downloads ?? [:]) { $1 } }
        default: [:]
        }
    }

    /// Differences, in the order of the steps.
    fileprivate var difference: String? {
        switch self {
        case .configure(let detail): detail.diff
        case .diff(let detail): detail.unified
        case .steps(let steps): steps.compactMap { $0.detail?.difference }.joined()
        default: nil
        }
    }
}
