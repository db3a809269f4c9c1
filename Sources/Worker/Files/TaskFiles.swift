import Crypto
import Devices
import Foundation
import Jobs
import NIOCore

/// The files on this machine that a task needs. All that can be refused or fail on this side does so before anything goes to the device.
struct TaskFiles: Sendable {
    /// By the position of their step: paths of what is to be sent.
    private(set) var sources: [Int: String] = [:]
    /// Texts to compare with.
    private(set) var baselines: [Int: String] = [:]
    /// Where to write, every name replaced.
    private(set) var destinations: [Int: Jobs.Operation.Destination] = [:]
    private var scratch: ScratchFolder?
    private var open: [ArtifactStore.OpenFile] = []
    private let store: ArtifactStore?
    /// Which addresses may be used.
    let access: URLAccess

    private static let maximumBaselineBytes: Int64 = 64 << 20

    /// - Parameter deadline: for what is fetched.
    /// - Throws: `artifacts.…`, `url.…`, `transfer.too_large`, `transfer.mismatch`, `diff.baseline`, `cancelled`.
    static func prepare(
        for task: DeviceTask, _ configuration: WorkerConfiguration, deadline: NIODeadline
    ) async throws(DeviceError) -> TaskFiles {
        let steps = if case .steps(let steps) = task.operation { steps } else { [task.operation] }
        var files = TaskFiles(
            store: configuration.artifacts.map { ArtifactStore(root: $0) }, access: configuration.urlAccess(for: task))
        do throws(DeviceError) {
            // First what costs nothing: a job that is refused fetches nothing.
            let names = DestinationName(of: task)
            for (index, step) in steps.enumerated() { try files.check(step, index, names) }
            for (index, step) in steps.enumerated() {
                if case .upload(let upload) = step {
                    try await files.fetch(upload.source, index, limit: configuration.maximumFileBytes, deadline)
                }
                if case .diff(let diff) = step, case .file(let path) = diff.baseline {
                    try await files.readBaseline(path, index)
                }
            }
            return files
        } catch {
            await files.remove()
            throw error
        }
    }

    private init(store: ArtifactStore?, access: URLAccess) {
        self.store = store
        self.access = access
    }

    /// Whether an error is the refusal of a job, and not a failure of its work.
    static func isRefusal(_ error: DeviceError) -> Bool {
        ["artifacts.disabled", "artifacts.refused", "url.refused"].contains(error.code)
    }

    /// Removes what was fetched. What was put in its place stays.
    func remove() async {
        guard let scratch = self.scratch else { return }
        try? await Blocking.run { scratch.remove() }
    }

    /// A path for a file that isn't complete yet.
    mutating func temporary(_ index: Int) async throws(DeviceError) -> String {
        try await self.folder().file("received-\(index)")
    }

    /// Gives a complete file its place in the artifact folder.
    func place(_ temporary: String, at path: String) async throws(DeviceError) {
        let store = try self.required()
        try await Self.blocking { () throws(DeviceError) in try store.place(temporary, at: path) }
    }

    /// Writes bytes to the artifact folder, in one step.
    mutating func write(_ bytes: [UInt8], to path: String, _ index: Int) async throws(DeviceError) {
        let temporary = try await self.temporary(index)
        try await Self.write(bytes, to: temporary)
        try await self.place(temporary, at: path)
    }

    // MARK: Preparing

    private mutating func check(_ step: Jobs.Operation, _ index: Int, _ names: DestinationName) throws(DeviceError) {
        var destination: Jobs.Operation.Destination?
        switch step {
        case .upload(let upload):
            switch upload.source {
            case .file(let path, _):
                _ = try self.required()
                _ = try ArtifactStore.components(of: path)
            case .url(let url, _): try self.access.check(url)
            case .inline: break
            }
        case .diff(let diff):
            if case .file(let path) = diff.baseline {
                _ = try self.required()
                _ = try ArtifactStore.components(of: path)
            }
        case .download(let download): destination = download.destination
        case .backup(let backup): destination = backup.destination
        case .run, .sequence, .configure, .check, .probe, .close, .steps: break
        }
        switch destination {
        case .file(let template):
            _ = try self.required()
            let path = names.path(template)
            _ = try ArtifactStore.components(of: path)
            self.destinations[index] = .file(path)
        case .url(let template):
            let url = names.url(template)
            try self.access.check(url)
            self.destinations[index] = .url(url)
        case .inline, nil: break
        }
    }

    private mutating func fetch(
        _ source: Jobs.Operation.Upload.Source, _ index: Int, limit: Int64, _ deadline: NIODeadline
    ) async throws(DeviceError) {
        switch source {
        case .inline(let bytes):
            let path = try await self.folder().file("source-\(index)")
            try await Self.write(bytes, to: path)
            self.sources[index] = path
        case .file(let name, let expected):
            let store = try self.required()
            let file = try await Self.blocking { () throws(DeviceError) -> ArtifactStore.OpenFile in
                let file = try store.open(name)
                guard let expected else { return file }
                let actual: String
                do { actual = try SHA256.hexadecimal(ofFile: file.path) } catch {
                    throw DeviceError(
                        code: "artifacts.failed",
                        message: "the artifact \(quoted(name)) can't be read: \(error.localizedDescription)")
                }
                guard actual == expected else {
                    throw DeviceError(
                        code: "transfer.mismatch",
                        message:
                            "the artifact \(quoted(name)) has the SHA-256 \(actual), not \(expected); nothing was sent")
                }
                return file
            }
            self.open.append(file)
            self.sources[index] = file.path
        case .url(let url, let sha256):
            let path = try await self.folder().file("source-\(index)")
            try await WebFiles.get(url, to: path, sha256: sha256, limit: limit, access: self.access, deadline: deadline)
            self.sources[index] = path
        }
    }

    private mutating func readBaseline(_ path: String, _ index: Int) async throws(DeviceError) {
        let store = try self.required()
        self.baselines[index] = try await Self.blocking { () throws(DeviceError) -> String in
            let file = try store.open(path)
            guard file.size <= Self.maximumBaselineBytes else {
                throw DeviceError(
                    code: "diff.baseline",
                    message: "the artifact \(quoted(path)) is larger than \(Self.maximumBaselineBytes) bytes")
            }
            do {
                return String(decoding: try Data(contentsOf: URL(fileURLWithPath: file.path)), as: UTF8.self)
            } catch {
                throw DeviceError(
                    code: "diff.baseline",
                    message: "the artifact \(quoted(path)) can't be read: \(error.localizedDescription)")
            }
        }
    }

    private func required() throws(DeviceError) -> ArtifactStore {
        guard let store = self.store else {
            throw DeviceError(
                code: "artifacts.disabled",
                message:
                    "this worker has no artifact folder: start it with `--artifacts`, or use inline content or an address"
            )
        }
        return store
    }

    /// In the artifact folder where there is one: what is complete can then take its name in one step, and large files find room.
    private mutating func folder() async throws(DeviceError) -> ScratchFolder {
        if let scratch = self.scratch { return scratch }
        let root = self.store?.root
        let scratch = try await Self.blocking { () throws(DeviceError) in try ScratchFolder(in: root) }
        self.scratch = scratch
        return scratch
    }

    private static func write(_ bytes: [UInt8], to path: String) async throws(DeviceError) {
        try await Self.blocking { () throws(DeviceError) in
            guard
                FileManager.default.createFile(
                    atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
            else { throw DeviceError(code: "artifacts.failed", message: "a temporary file can't be written") }
        }
    }

    private static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(DeviceError) -> Value
    ) async throws(DeviceError) -> Value {
        do {
            return try await Blocking.run { try body() }
        } catch let error as DeviceError {
            throw error
        } catch {
            throw DeviceError(code: "artifacts.failed", message: "\(error)")
        }
    }
}
