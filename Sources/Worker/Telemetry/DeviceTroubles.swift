import Devices
import Foundation
import NIOConcurrencyHelpers

/// Devices whose last attempt to log in failed: what is wrong now, while events and failed tasks tell what once was.
///
/// A device leaves the list when somebody has logged in to it. Bounded: past its bound, devices that are new in it are left out. Safe to use from any
/// thread.
package final class DeviceTroubles: Sendable {
    package struct Trouble: Sendable, Hashable {
        package var device: String
        /// Of the last attempt.
        package var code: String
        /// May hold what the device has sent.
        package var message: String
        /// Since the first attempt that failed.
        package var age: Duration
        /// Of the last one, in milliseconds since 1970.
        package var last: Int64
        /// In a row.
        package var failures: Int

        package init(
            device: String, code: String, message: String, age: Duration, last: Int64, failures: Int
        ) {
            self.device = device
            self.code = code
            self.message = message
            self.age = age
            self.last = last
            self.failures = failures
        }
    }

    private struct Entry: Sendable {
        var code: String
        var message: String
        let first: ContinuousClock.Instant
        var last: ContinuousClock.Instant
        var lastTime: Int64
        var failures = 1
    }

    static let capacity = 20_000
    private static let maximumMessage = 300
    /// Devices outside the inventory that nobody has asked for since are nobody's trouble.
    private static let memory = Duration.seconds(3_600)

    private let entries = NIOLockedValueBox<[String: Entry]>([:])

    func note(_ report: LoginReport, at now: ContinuousClock.Instant = .now) {
        guard let error = report.error else {
            self.entries.withLockedValue { $0[report.device] = nil }
            return
        }
        let kind = LoginClass(error.code)
        // These say nothing about the device.
        guard kind != .cancelled, error.code != "client.closed" else { return }
        let time = Int64(Date().timeIntervalSince1970 * 1000)
        self.entries.withLockedValue { entries in
            guard var entry = entries[report.device] else {
                guard entries.count < Self.capacity else { return }
                entries[report.device] = Entry(
                    code: error.code, message: Self.cut(error.message), first: now, last: now, lastTime: time)
                return
            }
            // Not tried: what is wrong is what was found at the last attempt.
            guard kind != .paused, kind != .locked else { return }
            entry.code = error.code
            entry.message = Self.cut(error.message)
            entry.last = now
            entry.lastTime = time
            entry.failures += 1
            entries[report.device] = entry
        }
    }

    /// - Parameters:
    ///   - isOurs: whether this worker still serves the device; those of others are forgotten.
    ///   - isKnown: whether the inventory has the device.
    func latest(
        at now: ContinuousClock.Instant = .now, isOurs: (String) -> Bool, isKnown: (String) -> Bool
    ) -> [Trouble] {
        let entries = self.entries.withLockedValue { $0 }
        let kept = entries.filter { device, entry in
            isOurs(device) && (isKnown(device) || now - entry.last < Self.memory)
        }
        if kept.count < entries.count {
            self.entries.withLockedValue { current in
                for (device, entry) in entries where kept[device] == nil && current[device]?.last == entry.last {
                    current[device] = nil
                }
            }
        }
        return kept.map { device, entry in
            Trouble(
                device: device, code: entry.code, message: entry.message, age: now - entry.first,
                last: entry.lastTime, failures: entry.failures)
        }
    }

    private static func cut(_ message: String) -> String { String(message.prefix(Self.maximumMessage)) }
}

extension DeviceTroubles.Trouble {
    /// What kind of trouble, as logins are counted.
    package var kind: String { LoginClass(self.code).rawValue }

    package static let kinds = LoginClass.allCases.filter { $0 != .succeeded && $0 != .cancelled }.map(\.rawValue)
}
