import SSH

/// What to log in to a device with, and to each jump host on the way to it, everything fetched.
///
/// An object, as it is large, and an opening holds it for as long as it waits for its turn.
final class ResolvedLogin: Sendable {
    let own: ResolvedCredential
    /// In the order of the way.
    let hops: [(device: Device, credential: ResolvedCredential)]

    init(_ own: ResolvedCredential, through hops: [(device: Device, credential: ResolvedCredential)]) {
        self.own = own
        self.hops = hops
    }

    /// What was fetched, and which generation of it.
    var fetched: [SecretLocation: UInt64] {
        self.hops.reduce(into: self.own.fetched) { all, hop in
            all.merge(hop.credential.fetched) { min($0, $1) }
        }
    }

    /// Two that are equal would be refused alike.
    var digests: [CredentialDigest] { [self.own.digest] + self.hops.map(\.credential.digest) }
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
