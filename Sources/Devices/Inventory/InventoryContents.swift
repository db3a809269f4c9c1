/// The devices and groups of an inventory with everything applied, and the indexes that make look-ups independent of its size.
final class InventoryContents: Sendable {
    let devices: [Device]
    let deviceIndex: [String: Int]
    let places: [InventoryPlace?]
    let groups: [DeviceGroup]
    let groupIndex: [String: Int]
    /// Positions of each group's members, ascending.
    let groupMembers: [[Int]]
    /// For each device the positions of its groups, ascending.
    let groupsOfDevice: [[Int]]
    /// For each tag the positions of the devices that have it, ascending.
    let devicesByTag: [String: [Int]]
    /// The device at an address (`host:port` in the form of an ad-hoc target's name); `nil` where several devices share it.
    let deviceByAddress: [String: Int?]
    /// Where what is said of each device stands; of each group, likewise.
    let deviceSettings: [[SettingPlace]]
    let groupSettings: [[SettingPlace]]
    let groupPlaces: [InventoryPlace?]
    /// Groups, tags and globs that hold for nobody.
    let warnings: [InventoryWarning]

    /// Makes as much of the draft as there can be made of it, and tells what can't.
    init(_ draft: InventoryDraft, _ mistakes: inout InventoryMistakes) {
        var deviceIndex: [String: Int] = [:]
        var byTag: [String: [Int]] = [:]
        deviceIndex.reserveCapacity(draft.devices.count)
        for (index, device) in draft.devices.enumerated() {
            deviceIndex[device.name] = index
            for tag in device.tags { byTag[tag, default: []].append(index) }
        }
        let groupIndex = Dictionary(
            draft.groups.enumerated().map { ($0.element.name, $0.offset) },
            uniquingKeysWith: { first, _ in first }
        )
        let members = Self.members(draft, deviceIndex, groupIndex, byTag, &mistakes)

        var groupsOfDevice = [[Int]](repeating: [], count: draft.devices.count)
        for (group, indexes) in members.enumerated() {
            for index in indexes { groupsOfDevice[index].append(group) }
        }

        var devices: [Device] = []
        var byAddress: [String: Int?] = [:]
        devices.reserveCapacity(draft.devices.count)
        byAddress.reserveCapacity(draft.devices.count)
        for (index, entry) in draft.devices.enumerated() {
            let device = Self.device(
                entry, groups: groupsOfDevice[index].map { draft.groups[$0] }, draft.defaults, &mistakes)
            devices.append(device)
            let address = HostName.address(host: device.host, port: device.port)
            byAddress.updateValue(byAddress.keys.contains(address) ? nil : index, forKey: address)
        }

        self.devices = devices
        self.deviceIndex = deviceIndex
        self.places = draft.devices.map(\.place)
        self.groups = draft.groups.enumerated().map { position, group in
            DeviceGroup(
                name: group.name,
                members: members[position].map { devices[$0].name },
                credential: group.credential
            )
        }
        self.groupIndex = groupIndex
        self.groupMembers = members
        self.groupsOfDevice = groupsOfDevice
        self.devicesByTag = byTag
        self.deviceByAddress = byAddress
        self.deviceSettings = draft.devices.map(\.settings)
        self.groupSettings = draft.groups.map(\.settings)
        self.groupPlaces = draft.groups.map(\.place)
        self.warnings = Self.warnings(draft, members, byTag)
    }

    /// Each group's members: those it lists, those its tags hold for, and those that name the group themselves.
    private static func members(
        _ draft: InventoryDraft,
        _ deviceIndex: [String: Int],
        _ groupIndex: [String: Int],
        _ byTag: [String: [Int]],
        _ mistakes: inout InventoryMistakes
    ) -> [[Int]] {
        var members = [Set<Int>](repeating: [], count: draft.groups.count)
        // A device has many parts, and each copy counts references to all of them; there may be many globs.
        let names = draft.devices.map(\.name)
        for (position, group) in draft.groups.enumerated() {
            for (pattern, place) in group.members {
                if let index = deviceIndex[pattern] {
                    members[position].insert(index)
                } else if let glob = GlobPattern(pattern) {
                    for (index, name) in names.enumerated() where glob.matches(name) {
                        members[position].insert(index)
                    }
                } else {
                    let close = Suggestion.closest(to: pattern, among: deviceIndex.keys)
                    mistakes.add(
                        InventoryError(
                            place,
                            "groups.\(group.name).members",
                            "there is no device \(quoted(pattern))" + Suggestion.sentence(close)
                        ))
                }
            }
            for (expression, _) in group.tags { members[position].formUnion(expression.devices(in: byTag)) }
        }
        for (index, device) in draft.devices.enumerated() {
            for (name, place) in device.groups {
                guard let position = groupIndex[name] else {
                    let close = Suggestion.closest(to: name, among: groupIndex.keys)
                    mistakes.add(
                        InventoryError(
                            place,
                            "devices.\(device.name).groups",
                            "there is no group \(quoted(name))" + Suggestion.sentence(close)
                        ))
                    continue
                }
                members[position].insert(index)
            }
        }
        return members.map { $0.sorted() }
    }

    private static func warnings(_ draft: InventoryDraft, _ members: [[Int]], _ byTag: [String: [Int]])
        -> [InventoryWarning]
    {
        var warnings: [InventoryWarning] = []
        for (position, group) in draft.groups.enumerated() {
            if members[position].isEmpty {
                warnings.append(InventoryWarning(group.place, "groups.\(group.name): has no members"))
                continue
            }
            for (expression, place) in group.tags where expression.devices(in: byTag).isEmpty {
                let close =
                    expression.tags.count == 1 ? Suggestion.closest(to: expression.tags[0], among: byTag.keys) : nil
                warnings.append(
                    InventoryWarning(
                        place,
                        "groups.\(group.name).tags: no device has \(quoted(expression.tags.joined(separator: "&")))"
                            + Suggestion.sentence(close)))
            }
            for (pattern, place) in group.members {
                guard let glob = GlobPattern(pattern), !draft.devices.contains(where: { glob.matches($0.name) }) else {
                    continue
                }
                warnings.append(
                    InventoryWarning(place, "groups.\(group.name).members: no device matches \(quoted(pattern))"))
            }
        }
        return warnings
    }

    private static func device(
        _ entry: DeviceDraft,
        groups: [GroupDraft],
        _ defaults: Inventory.Defaults,
        _ mistakes: inout InventoryMistakes
    ) -> Device {
        let platform = entry.platform ?? groups.lazy.compactMap(\.platform).first ?? defaults.platform
        if platform == nil, !entry.hasMistakes {
            mistakes.add(
                InventoryError(
                    entry.place,
                    "devices.\(entry.name)",
                    "`device_type` is missing: give it here, in one of the device's groups, or in `defaults`"
                ))
        }
        var session = entry.session
        for group in groups { session.fill(from: group.session) }
        session.fill(from: defaults.session)
        return Device(
            name: entry.name,
            host: entry.host,
            port: entry.port ?? groups.lazy.compactMap(\.port).first ?? defaults.port,
            platform: platform ?? "",
            tags: entry.tags,
            credential: entry.credential,
            hostKeyPolicy: entry.hostKeyPolicy,
            hostKeyFingerprint: entry.hostKeyFingerprint,
            connection: entry.connection.completed(by: groups.map(\.connection) + [defaults.connection]),
            session: session
        )
    }
}
