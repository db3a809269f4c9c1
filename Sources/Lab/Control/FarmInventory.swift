/// A farm written down as an inventory file.
package enum FarmInventory {
    /// YAML with `general`, `defaults`, `devices` and one group of all devices. Devices are tagged `lab`, `even` or `odd` by
    /// number, and by platform.
    /// - Parameter password: `nil` leaves the password out, to be given by the environment.
    package static func yaml(_ farm: DeviceFarm, user: String, password: String?, timeout: Int = 30) -> String {
        var text = "general: {timeout: \(timeout)}\n"
        text += "defaults: {user: \(quoted(user))"
        if let password { text += ", password: \(quoted(password))" }
        text += "}\ndevices:\n"
        for (index, device) in farm.devices.enumerated() {
            let parity = index.isMultiple(of: 2) ? "odd" : "even"
            text +=
                "  \(device.name): {host: \(device.host), port: \(device.port), device_type: \(device.personality.rawValue), "
            text += "tags: [lab, \(parity), \(device.personality.rawValue)]}\n"
        }
        return text + "groups:\n  lab: {tags: [lab]}\n"
    }

    /// A YAML scalar in single quotes, which take every character but themselves literally.
    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
}
