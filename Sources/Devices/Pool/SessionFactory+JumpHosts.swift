import SSH

extension SessionFactory {
    /// How to reach a device's jump hosts, the one that is reached directly first.
    ///
    /// - Throws: `inventory.invalid` for one that isn't known, `auth.missing` where there is nothing to log in with.
    func way(to device: Device, in inventory: Inventory) throws(DeviceError) -> [SSHConfiguration] {
        guard device.connection.jumpHosts?.isEmpty == false else { return [] }
        let hops: [Device]
        do throws(InventoryError) {
            hops = try inventory.way(to: device).get()
        } catch {
            throw DeviceError(code: error.code, message: error.description)
        }
        var way: [SSHConfiguration] = []
        for hop in hops {
            // Alone: the way is made of all hops together, each with what it takes to log in there.
            var single = hop
            single.connection.jumpHosts = nil
            way.append(try self.plan(for: single, in: inventory).plan.connection)
        }
        return way
    }
}
