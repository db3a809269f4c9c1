import Foundation

/// Which addresses on the web a job may have files fetched from and written to.
///
/// Two questions, and both are asked again for each redirect: is the host's *name* one of those allowed, and is the *address* behind it public, or in one
/// of the networks that are allowed besides? The second is asked of what the name resolves to, and that very address is connected to, so that a name
/// which changes its mind in between gains nothing.
package struct URLAccess: Sendable, Hashable {
    /// Names or glob patterns; `nil`: any.
    package var hosts: [NamePattern]?
    /// Networks that may be reached although they aren't public.
    package var networks: [AddressRange]

    package init(hosts: [NamePattern]? = nil, networks: [AddressRange] = []) {
        self.hosts = hosts
        self.networks = networks
    }

    /// Why the address may not be used, as far as it can be told without a look-up; `nil` when it may.
    func problem(withURL text: String) -> String? {
        // What can't be read, can't be judged.
        guard let host = Self.host(of: text) else { return "it has no host" }
        return self.problem(withHost: host)
    }

    func problem(withHost host: String) -> String? {
        if let hosts, !hosts.contains(where: { $0.matches(host) }) { return "its host isn't one of those allowed" }
        guard let address = HostAddress(host) else { return nil }
        return self.problem(with: address)
    }

    func problem(with address: HostAddress) -> String? {
        guard AddressRange.notPublic.contains(where: { $0.contains(address) }),
            !self.networks.contains(where: { $0.contains(address) })
        else { return nil }
        return "\(address) is not a public address, and no network that is allowed has it"
    }

    /// In lower case, IPv6 without brackets, without the dot that may end a name.
    static func host(of url: String) -> String? {
        guard var host = URL(string: url)?.host?.lowercased(), !host.isEmpty else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix(".") { host.removeLast() }
        return host.isEmpty ? nil : host
    }
}
