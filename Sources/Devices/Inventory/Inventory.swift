/// Devices, groups and tags. Immutable: a reload makes a new one.
///
/// Written in YAML, in one file or as a directory of files that together are one inventory:
///
/// ```yaml
/// general:
///   timeout: 30s
///   connection_retries: 3
///   retry_delay: 2s
///   ssh_strict_host_key_checking: true    # or host_key_policy: strict | accept_new | off
/// defaults:
///   user: automation
///   device_type: cisco_iosxe
/// credentials:
///   netops: {user: netops, password: {file: /run/secrets/netops}}
///   core: {vault: {path: secret/data/network/core}}    # fields user, password, private_key, passphrase, enable
///   lab: {exec: [/usr/local/bin/lab-password, --json]}    # prints {"user": …, "password": …, "expires_in": 300}
/// vault:
///   address: https://vault.example.net:8200
///   auth: {approle: {role_id: {env: VAULT_ROLE_ID}, secret_id: {file: /run/secrets/vault-secret-id}}}
/// auth_domains:
///   tacacs: {max_logins: 20, logins_per_second: 10}
/// sequences:
///   health: {cisco_iosxe: [show version, show processes cpu], default: [show version]}
/// devices:
///   router1: {host: 192.0.2.1, tags: [edge, berlin], password: {env: ROUTER1_PASSWORD}}
///   server1: {host: server1.example.net, device_type: linux, private_key: ~/.ssh/automation}
///   inside1: {host: 10.0.0.1, jump_hosts: [server1]}     # through another SSH server
/// groups:
///   core: {members: [router1, core-*], enable_secret: {env: CORE_ENABLE}}
///   berlin: {tags: [berlin], auth_domain: tacacs, cli_keepalive: 5m, warm: true}
/// ```
///
/// Or as a table (CSV), or in the forms of Nornir and Ansible: see ``init(path:)``. Devices may also come from an HTTP source, such as NetBox:
///
/// ```yaml
/// sources:
///   - {url: https://netbox.example/api/dcim/devices/, kind: netbox, token: {env: NETBOX_TOKEN}, refresh: 5m, cache: netbox.cache}
/// ```
///
/// `{env: NAME}` is read with the inventory. Files, helper programs and Vault are asked when a session is opened, and again when a device refuses what
/// they gave: a rotated secret takes effect by itself, and open sessions stay open.
public struct Inventory: Sendable {
    public let general: General
    let generalSettings: [SettingPlace]
    let defaults: Defaults
    /// `credentials:` of the file, by name.
    let namedCredentials: [String: Credential]
    /// `vault:` of the file.
    let vault: VaultConfiguration?
    /// `auth_domains:` of the file: bounds for the authentication services that devices name with `auth_domain`.
    let authDomains: [String: LoginPolicy.Domain]
    /// `sequences:` of the file: commands by name, then by platform or `default`.
    let sequences: [String: [String: [String]]]
    let sequencePlaces: [String: InventoryPlace]
    /// What it was read from; empty for one that was made in code.
    package internal(set) var files: [InventoryFile] = []
    /// What its files say and nothing comes of.
    package internal(set) var notes: [InventoryWarning] = []
    /// One reference, so that an inventory of any size is copied at the cost of one.
    let contents: InventoryContents

    /// An inventory made in code.
    ///
    /// ```swift
    /// let inventory = try Inventory(devices: [Device(name: "router1", host: "192.0.2.1", platform: "cisco_iosxe")])
    /// ```
    /// - Throws: for a name, host or port that can't be, a name given twice, or a group member that doesn't exist.
    public init(
        general: General = General(),
        devices: [Device],
        groups: [String: Set<String>] = [:]
    ) throws(InventoryError) {
        var draft = InventoryDraft()
        draft.general = general
        for device in devices { try draft.add(DeviceDraft(device)) }
        for (name, members) in groups.sorted(by: { $0.key < $1.key }) {
            try draft.add(GroupDraft(name: name, members: members.sorted()))
        }
        var mistakes = InventoryMistakes()
        self.init(draft, &mistakes)
        if let error = mistakes.error { throw error }
    }

    /// Makes as much of the draft as there can be made of it. With mistakes, the result is of no use.
    init(_ draft: InventoryDraft, _ mistakes: inout InventoryMistakes) {
        self.general = draft.general
        self.generalSettings = draft.generalSettings
        self.defaults = draft.defaults
        self.namedCredentials = draft.credentials
        self.vault = draft.vault
        self.authDomains = draft.authDomains
        self.sequences = draft.sequences
        self.sequencePlaces = draft.sequencePlaces
        self.contents = InventoryContents(draft, &mistakes)
        for device in self.contents.devices where device.connection.jumpHosts?.isEmpty == false {
            if case .failure(let error) = self.way(to: device) { mistakes.add(error) }
        }
    }

    /// Knows nobody.
    static let empty: Inventory = {
        var mistakes = InventoryMistakes()
        return Inventory(InventoryDraft(), &mistakes)
    }()

    /// Every device's name, in the order of the files.
    public var deviceNames: [String] { self.contents.devices.map(\.name) }
    /// Every group's name, in the order of the files.
    public var groupNames: [String] { self.contents.groups.map(\.name) }
    public var deviceCount: Int { self.contents.devices.count }

    public subscript(_ name: String) -> Device? {
        self.contents.deviceIndex[name].map { self.contents.devices[$0] }
    }

    public func group(_ name: String) -> DeviceGroup? {
        self.contents.groupIndex[name].map { self.contents.groups[$0] }
    }

    /// The groups that a device belongs to, in the order of the files.
    public func groups(of device: String) -> [DeviceGroup] {
        guard let index = self.contents.deviceIndex[device] else { return [] }
        return self.contents.groupsOfDevice[index].map { self.contents.groups[$0] }
    }

    /// The platform of a device that isn't in the inventory, where nobody says otherwise.
    package var defaultPlatform: String { self.defaults.platform ?? "generic" }

    /// Where a device is written; `nil` for one that was made in code.
    func place(of device: String) -> InventoryPlace? {
        self.contents.deviceIndex[device].flatMap { self.contents.places[$0] }
    }
}
