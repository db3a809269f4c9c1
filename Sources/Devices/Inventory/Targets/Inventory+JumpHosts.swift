extension Inventory {
    /// Jump hosts on the way to one device, at most.
    private static let maximumHops = 8

    /// The devices that lead to a device, the one that is reached directly first: its jump hosts, and before the first of them that one's own.
    ///
    /// - Returns: or a failure for a jump host that nobody knows, or one that leads through itself.
    func way(to device: Device) -> Result<[Device], InventoryError> {
        // From the device outwards.
        var way: [Device] = []
        var names = self.jumpHosts(of: device)
        func failure(_ problem: String) -> Result<[Device], InventoryError> {
            let index = self.contents.deviceIndex[device.name]
            let place = index.flatMap {
                self.contents.deviceSettings[$0]["jump_hosts"]?.place ?? self.contents.places[$0]
            }
            return .failure(InventoryError(place, "devices.\(device.name).jump_hosts", problem))
        }
        while let name = names.popLast() {
            guard let hop = self.jumpHost(name) else {
                let close = Suggestion.closest(to: name, among: self.contents.deviceIndex.keys)
                return failure("there is no device \(quoted(name))" + Suggestion.sentence(close))
            }
            guard hop.name != device.name, !way.contains(where: { $0.name == hop.name }) else {
                return failure("the way leads through \(quoted(hop.name)) twice")
            }
            guard way.count < Self.maximumHops else {
                return failure("the way has more than \(Self.maximumHops) jump hosts")
            }
            way.append(hop)
            if names.isEmpty { names = self.jumpHosts(of: hop) }
        }
        return .success(way.reversed())
    }

    /// Those before the device itself: a list that many share, of defaults or a group, may name it too.
    private func jumpHosts(of device: Device) -> [String] {
        Array(
            (device.connection.jumpHosts ?? []).prefix { $0 != device.name && self.jumpHost($0)?.name != device.name })
    }

    private func jumpHost(_ name: String) -> Device? {
        if let device = self[name] { return device }
        guard let target = self.adHocTarget(name) else { return nil }
        if var known = self[target.name] {
            if let user = target.user, user != known.credential.user { known.credential = Credential(user: user) }
            return known
        }
        // Only what the address says: the defaults may themselves lead through jump hosts.
        return Device(
            name: target.name, host: target.host, port: target.port, platform: "generic",
            credential: Credential(user: target.user))
    }
}
