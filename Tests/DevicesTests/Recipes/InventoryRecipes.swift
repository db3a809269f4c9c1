import Devices

extension Recipes {
    static func followInventory(_ path: String, _ work: (DeviceClient) async throws -> Void) async throws {
        // recipe: follow-inventory
        let watch = InventoryWatch(path: path)
        let configuration = DeviceClient.Configuration(inventory: try await watch.load())
        try await DeviceClient.withClient(configuration) { client in
            let following = Task {
                await client.follow(watch) { news in
                    switch news {
                    case .changed(let change): print("\(change.added.count) added, \(change.removed.count) removed")
                    case .refused(let error): print(error)
                    }
                }
            }
            defer { following.cancel() }
            try await work(client)
        }
        // end
    }
}
