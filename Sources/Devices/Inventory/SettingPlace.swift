/// Where a setting of a device, a group or the defaults is written.
struct SettingPlace: Sendable, Hashable {
    /// The key as in our own form: `device_type`, whatever another form calls it.
    var setting: String
    var place: InventoryPlace
    /// For a secret that isn't written there itself, where it comes from: `env ROUTER1_PASSWORD`.
    var reference: String?
}

extension Array<SettingPlace> {
    subscript(_ setting: String) -> SettingPlace? { self.last { $0.setting == setting } }

    mutating func note(_ field: YAMLValue.Field) {
        self.note(field.key == "platform" ? "device_type" : field.key, field.value)
    }

    mutating func note(_ setting: String, _ value: YAMLValue) {
        self.append(SettingPlace(setting: setting, place: value.place, reference: value.reference))
    }
}
