import Foundation

/// The platforms that Tether ships, and a user's own on top.
package struct PlatformLibrary: Sendable {
    private var platforms: [String: PlatformDefinition] = [:]
    private var aliases: [String: String] = [:]

    /// The definitions in `Platforms/`, which the build puts into the program.
    private static let shipped: [(file: String, yaml: [UInt8])] = [
        ("arista_eos.yaml", PackageResources.arista_eos_yaml),
        ("aruba_aoscx.yaml", PackageResources.aruba_aoscx_yaml),
        ("cisco_iosxe.yaml", PackageResources.cisco_iosxe_yaml),
        ("cisco_iosxr.yaml", PackageResources.cisco_iosxr_yaml),
        ("cisco_nxos.yaml", PackageResources.cisco_nxos_yaml),
        ("fortinet_fortios.yaml", PackageResources.fortinet_fortios_yaml),
        ("frr_vtysh.yaml", PackageResources.frr_vtysh_yaml),
        ("generic.yaml", PackageResources.generic_yaml),
        ("hp_comware.yaml", PackageResources.hp_comware_yaml),
        ("huawei_vrp.yaml", PackageResources.huawei_vrp_yaml),
        ("huawei_vrpv8.yaml", PackageResources.huawei_vrpv8_yaml),
        ("juniper_junos.yaml", PackageResources.juniper_junos_yaml),
        ("linux.yaml", PackageResources.linux_yaml),
        ("mikrotik_routeros.yaml", PackageResources.mikrotik_routeros_yaml),
        ("nokia_srlinux.yaml", PackageResources.nokia_srlinux_yaml),
        ("nokia_sros.yaml", PackageResources.nokia_sros_yaml),
        ("nokia_sros_classic.yaml", PackageResources.nokia_sros_classic_yaml),
        ("paloalto_panos.yaml", PackageResources.paloalto_panos_yaml),
        ("vyos.yaml", PackageResources.vyos_yaml),
    ]

    /// Loads the shipped definitions; those in `directory` (one YAML file a platform) are added, or override by name.
    ///
    /// Reads files; not for an event loop.
    package init(directory: String? = nil) throws(PlatformError) {
        for (file, yaml) in Self.shipped {
            self.add(try PlatformDefinition(yaml: String(decoding: yaml, as: UTF8.self), file: file))
        }
        guard let directory else { return }
        let files: [String]
        do {
            files = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw PlatformError(
                message: "\(directory): can't list the directory of platform definitions: \(error.localizedDescription)"
            )
        }
        for file in files.sorted() where file.hasSuffix(".yaml") || file.hasSuffix(".yml") {
            let path = directory.hasSuffix("/") ? directory + file : "\(directory)/\(file)"
            let yaml: String
            do {
                yaml = try String(contentsOfFile: path, encoding: .utf8)
            } catch {
                throw PlatformError(message: "\(path): can't be read as UTF-8 text: \(error.localizedDescription)")
            }
            self.add(try PlatformDefinition(yaml: yaml, file: path))
        }
    }

    /// By name or alias (`cisco_ios` for `cisco_iosxe`, `mikrotik` for `mikrotik_routeros`, …).
    package func platform(named name: String) -> PlatformDefinition? {
        self.platforms[name] ?? self.aliases[name].flatMap { self.platforms[$0] }
    }

    package var names: [String] { self.platforms.keys.sorted() }

    private mutating func add(_ platform: PlatformDefinition) {
        self.platforms[platform.name] = platform
        for alias in platform.aliases { self.aliases[alias] = platform.name }
    }
}
