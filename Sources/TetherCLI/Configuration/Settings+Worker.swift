import Devices
import Foundation
import Kafka
import Worker

/// What the parts of a worker are made with.
extension Settings {
    /// - Parameter clientID: names the program in the broker's logs, metrics and quotas.
    func kafka(clientID: String? = nil, statistics: Duration? = nil) throws(SettingsError) -> KafkaConfiguration {
        guard let servers = try self.optional(Self.kafkaServers), !servers.isEmpty else {
            throw SettingsError(
                "No Kafka servers: give --kafka host:port, set TETHER_KAFKA, or write kafka.servers in the configuration file."
            )
        }
        return KafkaConfiguration(
            bootstrapServers: servers.joined(separator: ","), clientID: clientID ?? "tether",
            properties: self.properties.mapValues(\.text),
            security: try self.security(), statisticsInterval: statistics)
    }

    func topics() throws(SettingsError) -> TopicNames { TopicNames(prefix: try self.value(Self.topicPrefix)) }

    /// - Parameter policy: what was read from the file that the settings name.
    func worker(policy: PolicySource?) throws(SettingsError) -> WorkerConfiguration {
        let name = try self.optional(Self.name)
        return WorkerConfiguration(
            kafka: try self.kafka(clientID: name, statistics: try self.statisticsInterval()),
            topics: try self.topics(),
            name: name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)",
            isStaticMember: name != nil,
            roles: try self.parsedRoles(),
            sessionTimeout: try self.value(Self.sessionTimeout),
            defaultDeadline: try self.value(Self.defaultDeadline),
            maximumDeadline: try self.value(Self.maximumDeadline),
            drainTimeout: try self.value(Self.drainTimeout),
            window: try self.value(Self.window),
            commitInterval: try self.value(Self.commitInterval),
            inlineOutputLimit: try self.value(Self.inlineOutput),
            resultDelivery: try self.value(Self.results),
            duplicateWindow: try self.value(Self.duplicateWindow),
            maximumRememberedJobs: try self.value(Self.maximumRememberedJobs),
            allowsAdHocTargets: try self.value(Self.allowAdHocTargets),
            replyTopics: try self.value(Self.replyTopics).map { NamePattern($0) },
            urlNetworks: try self.parsedNetworks(),
            policy: policy,
            maximumFanOutBytes: try self.value(Self.maximumFanOut),
            maximumTargets: try self.value(Self.maximumTargets),
            collectionGrace: try self.value(Self.collectionGrace),
            artifacts: try self.checkedArtifacts(),
            sealingKeys: try self.openedSealingKeys(),
            maximumFileBytes: Int64(try self.value(Self.maximumFile)),
            maximumInlineFileBytes: Int64(try self.value(Self.maximumInlineFile))
        )
    }

    func devices(_ inventory: Inventory) throws(SettingsError) -> DeviceClient.Configuration {
        DeviceClient.Configuration(
            inventory: inventory,
            knownHostsFile: try self.optional(Self.knownHosts),
            platformDirectory: try self.optional(Self.platforms),
            idleTimeout: try self.value(Self.idleTimeout),
            maximumAge: try self.value(Self.maximumAge),
            logins: LoginPolicy(
                maximumLogins: try self.value(Self.maximumLogins), refusalsToLock: try self.value(Self.refusalsToLock),
                lockPause: try self.value(Self.lockPause)),
            maximumSessions: try self.value(Self.maximumSessions)
        )
    }

    /// - Throws: for a policy that can't be read, or has a mistake.
    func policySource() throws(SettingsError) -> PolicySource? {
        guard let path = try self.optional(Self.policy) else { return nil }
        do {
            return try PolicySource(path: path)
        } catch {
            throw SettingsError(error.description)
        }
    }

    private func parsedRoles() throws(SettingsError) -> Set<WorkerConfiguration.Role> {
        var roles: Set<WorkerConfiguration.Role> = []
        for name in try self.value(Self.roles) {
            guard let role = WorkerConfiguration.Role(rawValue: name) else {
                let words = WorkerConfiguration.Role.allCases.map(\.rawValue)
                throw SettingsError(
                    "\(self.origin(of: Self.roles)): \(StrictValue.problem(withWord: name, among: words))")
            }
            roles.insert(role)
        }
        guard !roles.isEmpty else {
            throw SettingsError("\(self.origin(of: Self.roles)): a worker needs at least one role")
        }
        return roles
    }

    private func parsedNetworks() throws(SettingsError) -> [AddressRange] {
        var networks: [AddressRange] = []
        for text in try self.value(Self.urlNetworks) {
            guard let range = AddressRange(text) else {
                throw SettingsError(
                    "\(self.origin(of: Self.urlNetworks)): must be addresses or ranges such as 10.20.0.0/16, with no bits set behind the length"
                )
            }
            networks.append(range)
        }
        return networks
    }

    private func openedSealingKeys() throws(SettingsError) -> SealingKeys? {
        guard let folder = try self.optional(Self.sealingKeys) else { return nil }
        let keys: SealingKeys
        do throws(SealingKeyError) {
            keys = try SealingKeys(folder: folder)
        } catch {
            throw SettingsError("\(self.origin(of: Self.sealingKeys)): \(error)")
        }
        guard keys.newest != nil else {
            throw SettingsError(
                "\(self.origin(of: Self.sealingKeys)): there is no key in \(folder): make one with `tether keys generate --directory \(folder)`"
            )
        }
        return keys
    }

    private func checkedArtifacts() throws(SettingsError) -> String? {
        guard let path = try self.optional(Self.artifacts) else { return nil }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw SettingsError("\(self.origin(of: Self.artifacts)): there is no folder \(path)")
        }
        return path
    }
}
