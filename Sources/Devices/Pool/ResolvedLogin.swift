import SSH

/// What to log in to a device with, and to each jump host on the way to it, everything fetched.
struct ResolvedLogin: Sendable {
    private(set) var own: ResolvedCredential
    /// In the order of the way.
    private(set) var hops: [(device: Device, credential: ResolvedCredential)] = []

    /// What was fetched, and which generation of it.
    var fetched: [SecretLocation: UInt64] {
        self.hops.reduce(into: self.own.fetched) { all, hop in
            all.merge(hop.credential.fetched) { min($0, $1) }
        }
    }

    /// Two that are equal would be refused alike.
    var digests: [CredentialDigest] { [self.own.digest] + self.hops.map(\.credential.digest) }

    /// - Parameters:
    ///   - hops: the jump hosts, the first one first.
    ///   - generations: what was fetched before and isn't good enough any more.
    /// - Throws: why a secret can't be had.
    init(
        _ layers: CredentialLayers, through hops: [Device], in inventory: Inventory, _ credentials: CredentialResolver,
        from store: SecretStore, newerThan generations: [SecretLocation: UInt64] = [:]
    ) async throws(SecretFailure) {
        self.own = try await ResolvedCredential(layers, from: store, newerThan: generations)
        for hop in hops {
            let layers = credentials.layers(for: hop, in: inventory)
            self.hops.append((hop, try await ResolvedCredential(layers, from: store, newerThan: generations)))
        }
    }
}

extension Inventory {
    /// The jump hosts on the way to a device.
    /// - Throws: `inventory.invalid` for one that isn't known.
    func jumpHosts(to device: Device) throws(DeviceError) -> [Device] {
        guard device.connection.jumpHosts?.isEmpty == false else { return [] }
        do throws(InventoryError) {
            // Alone: the way is made of all hops together, each with what it takes to log in there.
            return try self.way(to: device).get().map { hop in
                var single = hop
                single.connection.jumpHosts = nil
                return single
            }
        } catch {
            throw DeviceError(code: error.code, message: error.description)
        }
    }
}
