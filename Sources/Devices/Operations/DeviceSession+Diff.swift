import Dialogue
import Foundation
import NIOPosix

/// What a device's output is compared with.
public enum DiffBaseline: Sendable, Hashable {
    case text(String)
    /// A file on this machine, such as an earlier backup.
    case file(String)
    case backup(ConfigurationBackup)
}

/// What has changed since the baseline.
public struct DiffResult: Sendable, Hashable {
    /// In the unified format, from the baseline to the device; empty when nothing has changed.
    public var unified: String
    /// Lines that only the baseline has, and that only the device has.
    public var removed: Int
    public var added: Int
    /// The commands that were compared, with what the device told.
    public var parts: [ConfigurationBackup.Part]
    /// What the device told, whole.
    public var current: String { String(decoding: self.parts.flatMap(\.output), as: UTF8.self) }

    public var hasChanged: Bool { self.removed > 0 || self.added > 0 }
}

extension DeviceSession {
    /// Compares what the device tells with a baseline, line by line. Lines that change by themselves (the platform's `volatile_patterns`: times,
    /// counters, checksums) and blank ones don't count.
    ///
    /// - Parameters:
    ///   - command: What to compare the output of; `nil`: the platform's backup commands.
    ///   - patterns: Besides the platform's, regular expressions (PCRE, without regard to case) of lines that don't count.
    /// - Throws: `diff.baseline` when there is no such file, `command.invalid`, or as ``backup(to:)`` and ``run(_:output:)``.
    public func diff(
        against baseline: DiffBaseline,
        of command: DeviceCommand? = nil,
        ignoring patterns: [String] = []
    ) async throws(DeviceError) -> DiffResult {
        var ignored = self.plan.platform.volatilePatterns
        do throws(PatternError) {
            for pattern in patterns { ignored.append(try Pattern(pattern)) }
        } catch {
            throw DeviceCommand.invalid(self.device.name, "\(error)")
        }
        let (name, old) = try await self.text(of: baseline)
        let parts: [ConfigurationBackup.Part]
        if let command {
            let answer = try await self.runAlone(command)
            try self.refuseFailure(answer)
            parts = [.init(command: answer.command, output: answer.output, elapsed: answer.elapsed)]
        } else {
            parts = try await self.backup().parts
        }
        let (device, patterns) = (self.device.name, ignored)
        return try await self.apart { Self.compare(old, name, parts, device, but: patterns) }
    }

    private static func compare(
        _ old: String, _ name: String, _ parts: [ConfigurationBackup.Part], _ device: String, but ignored: [Pattern]
    ) -> DiffResult {
        let current = String(decoding: parts.flatMap(\.output), as: UTF8.self)
        let difference = TextDifference(Self.lines(of: old, but: ignored), Self.lines(of: current, but: ignored))
        return DiffResult(
            unified: difference.unified(from: name, to: device),
            removed: difference.removed,
            added: difference.inserted,
            parts: parts
        )
    }

    /// Works on texts, which may be large, on another thread: the event loop serves other devices, too.
    func apart<Result: Sendable>(
        _ body: @escaping @Sendable () -> Result
    ) async throws(DeviceError) -> Result {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch {
            throw DeviceError.cancelled(self.device.name)
        }
    }

    private func text(of baseline: DiffBaseline) async throws(DeviceError) -> (name: String, text: String) {
        switch baseline {
        case .text(let text): return ("baseline", text)
        case .backup(let backup): return (backup.file ?? "backup", backup.text)
        case .file(let path):
            do {
                let data = try await NIOThreadPool.singleton.runIfActive {
                    try Data(contentsOf: URL(fileURLWithPath: path))
                }
                return (path, String(decoding: data, as: UTF8.self))
            } catch {
                throw DeviceError(
                    code: "diff.baseline",
                    message: "the baseline \(quoted(path)) can't be read: \(error.localizedDescription)")
            }
        }
    }

    private static func lines(of text: String, but patterns: [Pattern]) -> [Substring] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            // Blanks at the end are the terminal's, not the configuration's.
            var line = line
            while line.last?.isWhitespace == true { line.removeLast() }
            guard !line.isEmpty else { return nil }
            let bytes = Array(line.utf8)
            return patterns.contains { $0.matches(bytes) } ? nil : line
        }
    }
}
