extension Inventory {
    /// What differs from an older inventory, device by device.
    func change(from old: Inventory) -> InventoryChange {
        var change = InventoryChange(deviceCount: self.deviceCount)
        let defaultsDiffer = self.defaults.credential != old.defaults.credential
        for (index, device) in self.contents.devices.enumerated() {
            guard let oldIndex = old.contents.deviceIndex[device.name] else {
                change.added.append(device.name)
                continue
            }
            if defaultsDiffer || device != old.contents.devices[oldIndex]
                || !self.hasSameGroups(index, as: old, oldIndex) || !self.hasSameWay(to: device, as: old)
            {
                change.changed.append(device.name)
            }
        }
        change.removed = old.contents.devices.lazy.map(\.name).filter { self.contents.deviceIndex[$0] == nil }
        return change
    }

    /// Whether the groups of a device give the same credentials. Their names count: the environment may give credentials by them.
    private func hasSameGroups(_ index: Int, as old: Inventory, _ oldIndex: Int) -> Bool {
        let (groups, oldGroups) = (self.contents.groupsOfDevice[index], old.contents.groupsOfDevice[oldIndex])
        guard groups.count == oldGroups.count else { return false }
        return zip(groups, oldGroups).allSatisfy { position, oldPosition in
            let (group, oldGroup) = (self.contents.groups[position], old.contents.groups[oldPosition])
            return group.name == oldGroup.name && group.credential == oldGroup.credential
        }
    }

    /// Whether a device is reached through the same jump hosts, with the same credentials.
    func hasSameWay(to device: Device, as old: Inventory) -> Bool {
        guard device.connection.jumpHosts?.isEmpty == false else { return true }
        guard let way = try? self.way(to: device).get(), (try? old.way(to: device).get()) == way else { return false }
        return way.allSatisfy { hop in
            guard let index = self.contents.deviceIndex[hop.name], let oldIndex = old.contents.deviceIndex[hop.name]
            else {
                return true
            }
            return self.hasSameGroups(index, as: old, oldIndex)
        }
    }
}
