/// Finds what to log in to a device with.
///
/// The places in order of precedence; the first that gives a part gives it, each part on its own. Where a place says that a part is kept elsewhere (a
/// file, a helper program, Vault), it is fetched if the part is needed, and only then: see ``ResolvedCredential``.
///
/// 1. the explicit override of the call (a job's named credential, the user of an ad-hoc target),
/// 2. the device's own entry in the inventory,
/// 3. the environment for the device: `<prefix>_USER_<DEVICE>`, `<prefix>_PASSWORD_<DEVICE>`, …,
/// 4. the device's groups in the order of the inventory, each: its entry, then the environment, `<prefix>_USER_<GROUP>`, …,
/// 5. the environment's defaults: `<prefix>_USER_DEFAULT`, `<prefix>_PASSWORD_DEFAULT`, …,
/// 6. `defaults:` of the inventory.
///
/// One exception keeps secrets of different owners apart: an override that brings a password or a private key is the whole login. Password, key
/// and passphrase of the other places are not added to it.
struct CredentialResolver: Sendable {
    let environment: CredentialEnvironment

    func layers(for device: Device, in inventory: Inventory, override: Credential? = nil) -> CredentialLayers {
        var layers = CredentialLayers(override: override)
        layers.append(device.credential)
        layers.append(self.environment.credential(for: device.name))
        for group in inventory.groups(of: device.name) {
            layers.append(group.credential)
            layers.append(self.environment.credential(for: group.name))
        }
        layers.append(self.environment.defaults)
        layers.append(inventory.defaults.credential)
        return layers
    }

    /// The named credential of the inventory's `credentials:`, what it lacks taken from the environment
    /// (`<prefix>_USER_CREDENTIAL_<NAME>`, …). `nil` when neither knows the name.
    func credential(named name: String, in inventory: Inventory) -> Credential? {
        let fromEnvironment = self.environment.credential(named: name)
        guard var credential = inventory.namedCredentials[name] ?? fromEnvironment else { return nil }
        // One that is kept in one place is that place's alone.
        if let fromEnvironment, credential.origin == nil { credential.fill(from: fromEnvironment) }
        return credential
    }
}
