extension InventoryReader {
    static let deviceKeys =
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
        for entry in try section.fields() {
            do throws(InventoryError) {
                self.readDevice(entry.key, entry.value, try entry.value.fields())
            } catch {
                self.mistakes.add(error)
            }
        }
    }

    /// One pass over the fields, whatever their order: inventories are large. Each field's mistake is told.
    ///
    /// - Parameters:
    ///   - entry: Where the device is written.
    ///   - platform: If it says none.
    mutating func readDevice(
        _ name: String, _ entry: YAMLValue, _ fields: [YAMLValue.Field], platform: String? = nil
    ) {
        var device = DeviceDraft(name: name, place: entry.place, host: "")
        device.settings.reserveCapacity(fields.count)
        var isGood = true
        for field in fields {
            do throws(InventoryError) {
                try self.read(field, into: &device)
            } catch {
                self.mistakes.add(error)
                isGood = false
            }
        }
        if isGood, device.host.isEmpty {
            self.mistakes.add(entry.error("`host` is missing: give the device's host name or address"))
            isGood = false
        }
        // One with mistakes counts as well: who names it isn't to be told that there is no such device.
        device.hasMistakes = !isGood
        device.platform = device.platform ?? platform
        self.add(device)
    }

    private mutating func read(_ field: YAMLValue.Field, into device: inout DeviceDraft) throws(InventoryError) {
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
        case "description", "location", "model":
            _ = try value.string()
            return
        default:
            if self.isRemote, field.key != "user", Self.credentialKeys.contains(field.key) {
                throw value.error(
                    "a source gives no secrets, nor paths of this machine: use the environment, or a group's entry in a file"
                )
            }
            if try self.readCredential(field, into: &device.credential) { break }
            if try self.readSession(field, into: &device.session) { break }
            guard try self.readConnection(field, into: &device.connection) else {
                throw Self.unknownKey(field, among: Self.deviceKeys, hints: Self.hints)
            }
        }
        device.settings.note(field)
    }
}
