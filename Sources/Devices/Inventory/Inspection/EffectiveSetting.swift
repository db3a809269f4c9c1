import Foundation
import SSH

/// One of the settings that a device has in effect, and where it comes from.
package struct EffectiveSetting: Sendable, Hashable, Codable {
    /// As in our own form: `device_type`, `enable_secret`.
    package var name: String
    /// As it may be shown: of a secret only that it is set.
    package var value: String
    /// `core.yaml:12`, `core.yaml:30 (group core)`, `environment TETHER_USER_DEFAULT`, `built in`.
    package var source: String
}

extension Inventory {
    /// Everything that is in effect for a device, groups, environment and defaults applied, in a fixed order; what nobody says and has no value is
    /// left out. `nil` for a device that there isn't.
    package func effectiveSettings(
        of name: String, environmentPrefix: String,
        environment variables: [String: String] = ProcessInfo.processInfo.environment
    ) -> [EffectiveSetting]? {
        guard let index = self.contents.deviceIndex[name] else { return nil }
        let device = self.contents.devices[index]
        var settings: [EffectiveSetting] = []
        func add(_ setting: String, _ value: String?, orElse source: String = "built in") {
            guard let value else { return }
            settings.append(
                EffectiveSetting(name: setting, value: value, source: self.source(of: setting, index) ?? source))
        }
        add("host", device.host)
        add("port", String(device.port))
        add("device_type", device.platform)
        add("tags", device.tags.isEmpty ? nil : device.tags.sorted().joined(separator: " "))
        let groups = self.contents.groupsOfDevice[index].map { self.contents.groups[$0].name }
        if !groups.isEmpty {
            let places = self.contents.groupsOfDevice[index].compactMap { self.contents.groupPlaces[$0]?.description }
            settings.append(
                EffectiveSetting(
                    name: "groups", value: groups.joined(separator: " "), source: places.joined(separator: ", ")))
        }
        let environment = CredentialEnvironment(prefix: environmentPrefix, variables: variables)
        settings += self.credentialSettings(index, environment, prefix: environmentPrefix)
        add("jump_hosts", device.connection.jumpHosts?.joined(separator: " "))
        add("source_address", device.connection.sourceAddress)
        add("legacy_algorithms", device.connection.legacyAlgorithms.map(String.init))
        add("silence_timeout", device.connection.silenceTimeout.map(Self.text))
        add("host_key", device.hostKeyFingerprint)
        if device.hostKeyFingerprint == nil {
            add(
                "host_key_policy", (device.hostKeyPolicy ?? self.general.hostKeyPolicy).rawValue,
                orElse: self.generalSource(of: "host_key_policy"))
        }
        add("auth_domain", device.session.authDomain)
        add("warm", device.session.isWarm.map(String.init))
        add("cli_keepalive", device.session.cliKeepalive.map(Self.text))
        for (setting, value) in [
            ("timeout", Self.text(self.general.timeout)),
            ("connection_retries", String(self.general.connectionRetries)),
            ("retry_delay", Self.text(self.general.retryDelay)),
        ] {
            settings.append(EffectiveSetting(name: setting, value: value, source: self.generalSource(of: setting)))
        }
        return settings
    }

    /// Where a setting other than a credential is written: with the device, its groups, or the defaults.
    private func source(of setting: String, _ index: Int) -> String? {
        if let own = self.contents.deviceSettings[index][setting] { return own.place.description }
        for group in self.contents.groupsOfDevice[index] where setting != "tags" {
            if let place = self.contents.groupSettings[group][setting]?.place {
                return "\(place) (group \(self.contents.groups[group].name))"
            }
        }
        return self.defaults.settings[setting].map { "\($0.place) (defaults)" }
    }

    private func generalSource(of setting: String) -> String {
        self.generalSettings[setting].map { "\($0.place) (general)" } ?? "built in"
    }

    private static func text(_ duration: Duration) -> String {
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        return seconds == seconds.rounded() ? "\(Int(seconds))s" : "\(Int((seconds * 1000).rounded()))ms"
    }
}
