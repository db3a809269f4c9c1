import Foundation
import Jobs

/// What comes from outside while tasks wait and run.
extension Executor {
    /// - Parameter time: when the cancellation was written, in milliseconds since 1970.
    func cancel(_ cancellation: Control.Cancellation, at time: Int64) async {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        // First this, then the lanes: a task that starts in between looks here first.
        self.state.withLockedValue { $0.cancellations.take(cancellation, at: time, now: now) }
        for group in self.lanes.groups { await group.cancel(cancellation) }
    }

    func isCancelled(_ task: DeviceTask) -> Bool { self.state.withLockedValue { $0.cancellations.covers(task) } }

    func close(_ devices: [String]) async {
        for device in devices {
            await self.lanes.group(on: self.client.eventLoop(for: device), services: self.services).close(device)
        }
    }
}
