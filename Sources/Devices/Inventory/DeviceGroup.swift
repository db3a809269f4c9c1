/// A named set of devices, and what its members have in common.
public struct DeviceGroup: Sendable, Hashable {
    public let name: String
    /// Names of the members, in inventory order.
    public let members: [String]
    /// Serves members that have no credential of their own.
    public let credential: Credential
}
