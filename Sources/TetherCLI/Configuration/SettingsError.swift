import Foundation

/// A setting that can't be used, with the place that it comes from.
struct SettingsError: Error, Sendable, Hashable, CustomStringConvertible, LocalizedError {
    /// `tether.yaml:12: worker.drain_timeout: …`
    let description: String

    init(_ description: String) { self.description = description }

    /// What the argument parser shows.
    var errorDescription: String? { self.description }
}
