import SSH

/// One place that may give a device's credential.
struct CredentialPlace {
    var credential: Credential
    /// Where it is written; `nil` for the environment.
    var settings: [SettingPlace]?
    /// Behind a place: ` (group core)`. Of the environment: the last part of its variables' names.
    var label: String

    var givesUser: Bool { self.credential.user != nil || self.isElsewhere }
    var givesLogin: Bool { self.credential.hasLoginSecret || self.isElsewhere }

    /// The whole credential is kept in another place.
    private var isElsewhere: Bool { self.settings?["vault"] != nil || self.settings?["exec"] != nil }
}

extension Inventory {
    /// In the order in which ``CredentialResolver`` asks them.
    func credentialPlaces(_ index: Int, _ environment: CredentialEnvironment) -> [CredentialPlace] {
        let device = self.contents.devices[index]
        func ofEnvironment(_ credential: Credential?, _ subject: String) -> [CredentialPlace] {
            credential.map { [CredentialPlace(credential: $0, label: subject)] } ?? []
        }
        func ofEnvironment(_ name: String) -> [CredentialPlace] {
            ofEnvironment(environment.credential(for: name), CredentialEnvironment.subject(of: name))
        }
        var places = [
            CredentialPlace(credential: device.credential, settings: self.contents.deviceSettings[index], label: "")
        ]
        places += ofEnvironment(device.name)
        for position in self.contents.groupsOfDevice[index] {
            let group = self.contents.groups[position]
            places.append(
                CredentialPlace(
                    credential: group.credential, settings: self.contents.groupSettings[position],
                    label: " (group \(group.name))"))
            places += ofEnvironment(group.name)
        }
        places += ofEnvironment(environment.defaults, "DEFAULT")
        places.append(
            CredentialPlace(
                credential: self.defaults.credential, settings: self.defaults.settings, label: " (defaults)"))
        return places
    }

    func credentialSettings(_ index: Int, _ environment: CredentialEnvironment, prefix: String) -> [EffectiveSetting] {
        let parts: [(setting: String, variable: String, value: (Credential) -> String?)] = [
            ("user", "USER", { $0.user }),
            ("password", "PASSWORD", { $0.password == nil ? nil : "set" }),
            (
                "private_key", "PRIVATE_KEY",
                { credential in
                    switch credential.privateKey {
                    case .file(let path): path
                    case .memory: "set"
                    case nil: nil
                    }
                }
            ),
            ("private_key_passphrase", "PASSPHRASE", { $0.passphrase == nil ? nil : "set" }),
            ("enable_secret", "ENABLE", { $0.enableSecret == nil ? nil : "set" }),
        ]
        let places = self.credentialPlaces(index, environment)
        return parts.compactMap { setting, variable, value in
            for place in places {
                guard let settings = place.settings else {
                    guard let value = value(place.credential) else { continue }
                    return EffectiveSetting(
                        name: setting, value: value, source: "environment \(prefix)_\(variable)_\(place.label)")
                }
                // What is kept elsewhere is written here all the same.
                let written = settings[setting] ?? settings["vault"] ?? settings["exec"]
                guard var shown = value(place.credential) ?? written.map({ _ in "set" }) else { continue }
                if let reference = written?.reference, shown == "set" { shown = "set (from \(reference))" }
                return EffectiveSetting(
                    name: setting, value: shown, source: "\(written?.place.description ?? "made in code")\(place.label)"
                )
            }
            return nil
        }
    }
}
