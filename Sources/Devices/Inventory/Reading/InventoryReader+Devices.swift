extension InventoryReader {
    private static let deviceKeys =
        [
            "host", "device_type", "port", "tags", "groups", "host_key", "host_key_policy", "description", "location",
            "model",
        ]
        + Self.credentialKeys + Self.connectionKeys + Self.sessionKeys

    mutating func readDevices(_ section: YAMLValue) throws(InventoryError) {
        if case .sequence = section.node {
            throw section.error(
                "must be a mapping from device names to devices, but is a list: write `router1: {host: …}`")
        }
        for entry in try section.fields() { try self.readDevice(entry) }
    }

    /// One pass over the fields, whatever their order: inventories are large.
    private mutating func readDevice(_ entry: YAMLValue.Field) throws(InventoryError) {
        var device = DeviceDraft(name: entry.key, place: entry.value.place, host: "")
        for field in try entry.value.fields() {
            let value = field.value
            switch field.key {
            case "host":
                device.host = try value.string()
                if let problem = HostName.problem(with: device.host) { throw value.error(problem) }
            case "port": device.port = try value.integer(in: 1...65535)
            case "device_type", "platform":
                if device.platform != nil { throw Self.twoPlatforms(value) }
                device.platform = try value.string()
            case "tags":
                for item in try value.items() {
                    let tag = try item.string()
                    if let problem = TagExpression.problem(withTag: tag) { throw item.error(problem) }
                    device.tags.insert(tag)
                }
            case "groups":
                for item in try value.items() { device.groups.append((try item.string(), item.place)) }
            case "host_key":
                let fingerprint = try value.string()
                if let problem = HostKeyFingerprint.problem(with: fingerprint) { throw value.error(problem) }
                device.hostKeyFingerprint = fingerprint
            case "host_key_policy": device.hostKeyPolicy = try value.choice(HostKeyPolicy.self)
            // For people and other tools; checked, not kept.
            case "description", "location", "model": _ = try value.string()
            default:
                if try self.readCredential(field, into: &device.credential) { continue }
                if try self.readSession(field, into: &device.session) { continue }
                guard try self.readConnection(field, into: &device.connection) else {
                    throw Self.unknownKey(field, among: Self.deviceKeys, hints: Self.hints)
                }
            }
        }
        guard !device.host.isEmpty else {
            throw entry.value.error("`host` is missing: give the device's host name or address")
        }
        try self.draft.add(device)
    }
}
