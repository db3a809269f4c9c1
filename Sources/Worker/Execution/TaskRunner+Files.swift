import Devices
import Foundation
import Jobs
import NIOCore

/// `upload` and `download`.
extension TaskRunner {
    func upload(
        _ upload: Jobs.Operation.Upload, from path: String?, on session: DeviceSession, run: inout TaskRun
    ) async throws(Failure) {
        guard let path else {
            throw .device(DeviceError(code: "internal", message: "\(session.device.name): the file was not prepared"))
        }
        do throws(DeviceError) {
            let receipt = try await session.upload(
                localFile: path, remotePath: upload.remotePath, verifies: upload.verifies)
            run.hasSent = true
            run.detail = .upload(TransferDetail(receipt))
        } catch {
            let error = error.afterTransfer
            if error.delivery != .notSent { run.hasSent = true }
            throw .device(error)
        }
    }

    func download(
        _ download: Jobs.Operation.Download, _ index: Int, on session: DeviceSession, run: inout TaskRun,
        files: inout TaskFiles
    ) async throws(Failure) {
        let started = ContinuousClock.now
        let receipt: FileReceipt
        let path: String
        do throws(DeviceError) {
            path = try await files.temporary(index)
            receipt = try await session.download(
                remoteFile: download.remoteFile, localPath: path, verifies: download.verifies)
        } catch {
            if error.delivery != .notSent { run.hasSent = true }
            throw .device(error.afterTransfer)
        }
        run.hasSent = true
        var detail = TransferDetail(receipt)
        do throws(DeviceError) {
            switch files.destinations[index] ?? .inline {
            case .file(let name):
                try await files.place(path, at: name)
                detail.file = name
            case .url(let url):
                let deadline = NIODeadline.now() + TimeAmount(run.assigned.deadline - .now)
                try await WebFiles.put(
                    path, to: url, size: receipt.size, access: files.access, deadline: deadline)
                detail.wasPut = true
            case .inline:
                detail.command = run.commands.count
                try await self.send(path, receipt, elapsed: .now - started, run: &run)
            }
        } catch {
            throw .device(
                DeviceError(code: error.code, message: "\(session.device.name): \(error.message)", delivery: .answered))
        }
        run.detail = .download(detail)
    }

    /// Sends a file as the output of an entry among the commands: in the result if there is room, else as `output` records, a piece at a time.
    private func send(
        _ path: String, _ receipt: FileReceipt, elapsed: Duration, run: inout TaskRun
    ) async throws(DeviceError) {
        let limit = self.configuration.maximumInlineFileBytes
        guard receipt.size <= limit else {
            throw DeviceError(
                code: "transfer.too_large",
                message:
                    "\(quoted(receipt.remotePath)) has \(receipt.size) bytes, and at most \(limit) are sent in replies; give a file or an address as its destination"
            )
        }
        var outcome = CommandOutcome(
            command: "download \(receipt.remotePath)", outcome: .succeeded, outputBytes: Int(receipt.size),
            elapsed: elapsed)
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            let first = try await Blocking.run { try file.read(upToCount: 1 << 20) ?? Data() }
            if first.count == Int(receipt.size), run.takeInlineRoom(for: Array(first)) {
                outcome.output = Array(first)
            } else {
                outcome.outputSHA256 = receipt.sha256
                var rest = Array(first)
                while !rest.isEmpty {
                    let more = try await Blocking.run { try file.read(upToCount: 1 << 20) ?? Data() }
                    let whole = more.isEmpty ? rest.count : Output.textBoundary(in: rest)
                    run.nextSequence = await OutputStream.publish(
                        Array(rest[..<whole]), of: run.assigned.task, command: run.commands.count,
                        attempt: run.attempts, first: run.nextSequence, through: self.publisher)
                    rest.removeFirst(whole)
                    rest += more
                    if Task.isCancelled { throw DeviceError(code: "cancelled", message: "the transfer was cancelled") }
                }
            }
        } catch let error as DeviceError {
            throw error
        } catch {
            throw DeviceError(
                code: "artifacts.failed", message: "what was received can't be read: \(error.localizedDescription)")
        }
        run.commands.append(outcome)
    }
}

extension DeviceError {
    /// Where the device has refused a file, nothing is in doubt.
    fileprivate var afterTransfer: DeviceError {
        let answers = [
            "transfer.no_such_file", "transfer.denied", "transfer.no_space", "transfer.mismatch", "transfer.failed",
        ]
        guard self.delivery == .unknown, answers.contains(self.code) else { return self }
        return DeviceError(
            code: self.code, message: self.message, delivery: .answered, sessionIsInStep: self.sessionIsInStep)
    }
}

extension TransferDetail {
    init(_ receipt: FileReceipt) {
        let verification: Verification =
            switch receipt.verification {
            case .hash(let algorithm, let digits): .hash(algorithm: algorithm, digits: digits)
            case .size(let reason): .size(reason: reason)
            }
        self.init(
            remotePath: receipt.remotePath, size: receipt.size, sha256: receipt.sha256, isAtomic: receipt.isAtomic,
            verification: verification)
    }
}
