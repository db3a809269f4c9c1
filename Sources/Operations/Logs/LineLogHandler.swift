import Foundation
import Glibc
import Logging
import NIOConcurrencyHelpers

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
    case text, json
}

/// Writes each event as one line, whole, to a file: standard error, mostly.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level = .info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameter write: takes one line, with its end. Called from any thread.
    package init(label: String, format: LogFormat, write: @escaping @Sendable ([UInt8]) -> Void = Self.standardError) {
        self.label = label
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
        if let own = event.metadata { metadata.merge(own) { $1 } }
        if let error = event.error { metadata["error"] = "\(error)" }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        self.write(
            self.format == .json
                ? LogLine.json(event, metadata: metadata, label: self.label, milliseconds: now)
                : LogLine.text(event, metadata: metadata, label: self.label, milliseconds: now))
    }

    private static let turn = NIOLockedValueBox(())

    /// One line at a time, whole also where the file is a pipe that takes it in pieces.
    package static let standardError: @Sendable ([UInt8]) -> Void = { line in
        Self.turn.withLockedValue { _ in
            line.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = Glibc.write(
                        STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0 && errno == EINTR { continue }
                    // Nobody reads it any more, or can't take it: the program goes on.
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
    }
}
