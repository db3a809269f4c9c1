/// Where what to log in to a device with comes from, as the inventory has it when an opening begins. Nothing has been fetched yet.
///
/// An object, as it is large, and an opening holds it for as long as it waits for its turn.
final class LoginSources: Sendable {
    let target: SessionTarget
    let inventory: Inventory
    /// Of the device itself.
    let layers: CredentialLayers
    /// The jump hosts on the way, the first one first.
    private let hops: [(device: Device, layers: CredentialLayers)]

    /// - Throws: `inventory.invalid` for a jump host that isn't known.
    init(of target: SessionTarget, in inventory: Inventory, _ credentials: CredentialResolver) throws(DeviceError) {
        self.target = target
        self.inventory = inventory
        self.layers = credentials.layers(for: target.device, in: inventory, override: target.override)
        self.hops = try inventory.jumpHosts(to: target.device).map { ($0, credentials.layers(for: $0, in: inventory)) }
    }

    /// - Parameter generations: what was fetched before and isn't good enough any more.
    /// - Throws: why a secret can't be had.
    func login(
        from store: SecretStore, newerThan generations: [SecretLocation: UInt64] = [:]
    ) async throws(SecretFailure) -> ResolvedLogin {
        let own = try await ResolvedCredential(self.layers, from: store, newerThan: generations)
        return ResolvedLogin(own, through: try await self.hops(from: store, newerThan: generations))
    }

    private func hops(
        from store: SecretStore, newerThan generations: [SecretLocation: UInt64]
    ) async throws(SecretFailure) -> [(device: Device, credential: ResolvedCredential)] {
        var resolved: [(device: Device, credential: ResolvedCredential)] = []
        for hop in self.hops {
            resolved.append(
                (hop.device, try await ResolvedCredential(hop.layers, from: store, newerThan: generations)))
        }
        return resolved
    }
}
