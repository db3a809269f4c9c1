import Logging

/// What became of an inventory that was read again.
public enum InventoryNews: Sendable, Hashable {
    /// It is in use.
    case changed(InventoryChange)
    /// It isn't: the one before it stays in use.
    case refused(InventoryError)
}

extension DeviceClient {
    /// Takes into use what the watch reads: see ``reload(_:)``. Whatever is wrong with it, the last good inventory stays. Runs until the task is
    /// cancelled.
    ///
    /// - Parameter hear: Called with each outcome, after it has been logged.
    public func follow(_ watch: InventoryWatch, hear: (InventoryNews) async -> Void = { _ in }) async {
        await watch.run { result in
            let news = self.take(result)
            switch news {
            case .changed(let change):
                self.logger.notice(
                    "the inventory is read anew",
                    metadata: [
                        "devices": "\(change.deviceCount)", "added": "\(change.added.count)",
                        "removed": "\(change.removed.count)", "changed": "\(change.changed.count)",
                        "names": "\(change.names(atMost: 10).joined(separator: " "))",
                    ])
            case .refused(let error):
                self.logger.error(
                    "the inventory can't be used; the one before stays in use",
                    metadata: ["code": "\(error.code)", "error": "\(error)"])
            }
            await hear(news)
        }
    }

    private func take(_ result: Result<Inventory, InventoryError>) -> InventoryNews {
        switch result {
        case .success(let inventory):
            do throws(DeviceError) {
                return .changed(try self.reload(inventory))
            } catch {
                return .refused(InventoryError(message: error.message))
            }
        case .failure(let error): return .refused(error)
        }
    }
}
