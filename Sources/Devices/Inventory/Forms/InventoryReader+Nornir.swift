extension InventoryReader {
    /// Nornir's own rules: a host's values go before those of its groups, in the order in which it names them and each before its own groups; then come
    /// the defaults. What is said by user and password of all goes to our defaults, so that the environment still goes before it.
    mutating func read(_ nornir: NornirFiles) {
        guard !nornir.hosts.isEmpty || nornir.groups != nil || !nornir.defaults.isEmpty else { return }
        var groups: [String: NornirEntry] = [:]
        var ignored: [String: InventoryPlace] = [:]
        func entry(_ fields: [YAMLValue.Field], _ mistakes: inout InventoryMistakes) -> NornirEntry? {
            do throws(InventoryError) {
                let entry = try NornirEntry(fields)
                for value in entry.ignored {
                    let key = String(value.path.split(separator: ".").last ?? "")
                    ignored[key] = ignored[key] ?? value.place
                }
                return entry
            } catch {
                mistakes.add(error)
                return nil
            }
        }
        for field in nornir.groups ?? [] {
            do throws(InventoryError) {
                groups[field.key] = entry(try field.value.fields(), &self.mistakes)
                if field.key != "all" { self.add(GroupDraft(name: field.key, place: field.value.place)) }
            } catch {
                self.mistakes.add(error)
            }
        }
        let defaults = entry(nornir.defaults, &self.mistakes)
        if let defaults { self.readDefaults(defaults) }

        for field in nornir.hosts {
            do throws(InventoryError) {
                guard let host = entry(try field.value.fields(), &self.mistakes) else { continue }
                self.readHost(field, host, groups, defaults, areGroupsKnown: nornir.groups != nil)
            } catch {
                self.mistakes.add(error)
            }
        }
        for index in self.files.indices where self.files[index].form == .nornir {
            let file = self.files[index].name
            self.files[index].devices = nornir.hosts.count { $0.value.file == file }
        }
        for (key, place) in ignored.sorted(by: { $0.key < $1.key }) {
            self.notes.append(InventoryWarning(place, "`\(key)` of `connection_options` isn't taken"))
        }
    }

    private mutating func readDefaults(_ entry: NornirEntry) {
        for key in ["user", "password"] {
            guard let value = entry.own[key] else { continue }
            do throws(InventoryError) {
                var credential = self.draft.defaults.credential
                guard key == "user" ? credential.user == nil : credential.password == nil else { continue }
                _ = try self.readCredential(YAMLValue.Field(key: key, value: value), into: &credential)
                self.draft.defaults.credential = credential
                self.draft.defaults.settings.note(key, value)
            } catch {
                self.mistakes.add(error)
            }
        }
    }

    private mutating func readHost(
        _ field: YAMLValue.Field, _ host: NornirEntry, _ groups: [String: NornirEntry], _ defaults: NornirEntry?,
        areGroupsKnown: Bool
    ) {
        var device = DeviceDraft(name: field.key, place: field.value.place, host: "")
        var mistakes = InventoryMistakes()
        // Depth first, each group once.
        var chain: [NornirEntry] = [host]
        var known = Set<String>()
        var waiting = Array(host.groups.reversed())
        while let next = waiting.popLast() {
            do throws(InventoryError) {
                let name = try next.string()
                guard known.insert(name).inserted else { continue }
                if let group = groups[name] {
                    chain.append(group)
                    waiting += group.groups.reversed()
                } else if areGroupsKnown {
                    let close = Suggestion.closest(to: name, among: groups.keys)
                    throw next.error("there is no group \(quoted(name)) in groups.yaml" + Suggestion.sentence(close))
                } else if !self.draft.hasGroup(name), name != "all" {
                    self.add(GroupDraft(name: name, place: next.place))
                }
                // Nornir lets a group be called so; here every device is in it anyway.
                if name != "all" { device.groups.append((name, next.place)) }
            } catch {
                mistakes.add(error)
            }
        }
        if let defaults { chain.append(defaults) }

        for key in Self.nornirKeys {
            let isDefault = key == "user" || key == "password"
            guard
                let value = chain.lazy.compactMap({ $0.connection[key] }).first
                    ?? (isDefault && defaults != nil ? chain.dropLast() : chain[...]).lazy.compactMap({ $0.own[key] })
                    .first
            else { continue }
            do throws(InventoryError) { try self.read(key, value, into: &device) } catch { mistakes.add(error) }
        }
        if mistakes.isEmpty, device.host.isEmpty {
            mistakes.add(field.value.error("`hostname` is missing: give the host's name or address"))
        }
        device.hasMistakes = !mistakes.isEmpty
        self.mistakes.add(all: mistakes)
        self.add(device)
    }

    private static let nornirKeys = [
        "host", "port", "user", "password", "device_type", "tags", "private_key", "private_key_passphrase",
        "enable_secret",
        "host_key_policy",
    ]

    /// Takes a value of another tool's form, given by our key.
    mutating func read(_ key: String, _ value: YAMLValue, into device: inout DeviceDraft) throws(InventoryError) {
        switch key {
        case "host":
            device.host = try value.string()
            if let problem = HostName.problem(with: device.host) { throw value.error(problem) }
        case "port": device.port = try value.integer(in: 1...65535)
        case "device_type": device.platform = ForeignPlatform.platform(try value.string())
        case "host_key_policy": device.hostKeyPolicy = try value.boolean() ? .strict : .acceptNew
        case "tags":
            for item in try value.items() {
                let tag = try item.string()
                if let problem = TagExpression.problem(withTag: tag) { throw item.error(problem) }
                device.tags.insert(tag)
            }
        default: _ = try self.readCredential(YAMLValue.Field(key: key, value: value), into: &device.credential)
        }
        device.settings.note(key, value)
    }
}
