import Dialogue
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import SSH

/// Puts together what a session is opened with: platform, credentials, host key policy.
struct SessionFactory: Sendable {
    let library: PlatformLibrary
    let knownHosts: KnownHosts
    let signOnTimeout: Duration
    let interruptionTimeout: Duration
    let maximumOutputBytes: Int
    let logger: Logger

    /// - Parameters:
    ///   - credential: What to log in with, everything fetched.
    ///   - hops: The jump hosts on the way, the first one first.
    /// - Throws: `inventory.invalid` for an unknown platform, `auth.missing` when there is nothing to log in with.
    func plan(
        for device: Device, in inventory: Inventory, with credential: Credential,
        through hops: [(device: Device, credential: ResolvedCredential)] = []
    ) throws(DeviceError) -> (plan: SessionPlan, login: LoginRequest) {
        var way: [SSHConfiguration] = []
        for hop in hops {
            way.append(try self.plan(for: hop.device, in: inventory, with: hop.credential.credential).plan.connection)
        }
        let platform = try self.platform(of: device, in: inventory)
        guard let user = credential.user else { throw Self.missing("user name", "user", "USER", device) }
        let methods = credential.methods
        guard !methods.isEmpty else { throw Self.missing("password or private key", "password", "PASSWORD", device) }
        let plan = SessionPlan(
            device: device,
            platform: platform,
            connection: SSHConfiguration(
                host: device.host,
                port: device.port,
                username: user + platform.usernameSuffix,
                authentication: methods,
                hostKeyVerifier: self.hostKeyVerifier(for: device, in: inventory),
                timeouts: device.connection.silenceTimeout.map { SSHTimeouts(silence: $0) } ?? SSHTimeouts(),
                algorithms: device.connection.legacyAlgorithms == true ? .legacy : .standard,
                sourceAddress: device.connection.sourceAddress,
                via: way
            ),
            password: credential.password,
            enableSecret: credential.enableSecret,
            commandTimeout: inventory.general.timeout,
            signOnTimeout: self.signOnTimeout,
            interruptionTimeout: self.interruptionTimeout,
            outputLimit: self.maximumOutputBytes,
            credential: CredentialDigest(credential)
        )
        let login = LoginRequest(
            device: device.name,
            domain: device.session.authDomain,
            user: user,
            credential: plan.credential
        )
        return (plan, login)
    }

    func platform(of device: Device, in inventory: Inventory) throws(DeviceError) -> PlatformDefinition {
        if let platform = self.library.platform(named: device.platform) { return platform }
        let place = inventory.place(of: device.name).map { "\($0): " } ?? ""
        let close = Suggestion.closest(to: device.platform, among: self.library.names)
        throw DeviceError(
            code: "inventory.invalid",
            message: "\(place)devices.\(device.name).device_type: there is no platform \(quoted(device.platform))"
                + (close.map { Suggestion.sentence($0) } ?? "; known are \(self.library.names.joined(separator: ", "))")
        )
    }

    private func hostKeyVerifier(for device: Device, in inventory: Inventory) -> any HostKeyVerifier {
        if let fingerprint = device.hostKeyFingerprint { return PinnedHostKeyVerifier(fingerprint: fingerprint) }
        let check: HostKeyCheck =
            switch device.hostKeyPolicy ?? inventory.general.hostKeyPolicy {
            case .strict: .strict
            case .acceptNew: .acceptNew
            case .off: .off
            }
        return PolicyHostKeyVerifier(check, knownHosts: self.knownHosts, logger: self.logger)
    }

    private static func missing(_ what: String, _ key: String, _ part: String, _ device: Device) -> DeviceError {
        DeviceError(
            code: "auth.missing",
            message:
                "\(device.name): no \(what) is known: give `\(key)` in the inventory (device, group or defaults), or the environment "
                + "variable <prefix>_\(part)_\(CredentialEnvironment.subject(of: device.name)) or <prefix>_\(part)_DEFAULT"
        )
    }
}
