/// What other tools call platforms: NAPALM's and Netmiko's drivers (Nornir), Ansible's `ansible_network_os`, Containerlab's kinds, and the short
/// names that NetBox's platforms mostly have.
///
/// Names that the platform definitions themselves have are theirs to know, and aren't repeated here.
enum ForeignPlatform {
    /// Our name for one of theirs; the name as it is, with `_` for `-`, where nothing else is known.
    static func platform(_ name: String) -> String {
        let plain = self.plain(name)
        return self.names[plain] ?? plain
    }

    /// Whether the name is one of the table's: a group of this name says what its members are.
    static func isKnown(_ name: String) -> Bool { self.names[self.plain(name)] != nil }

    private static func plain(_ name: String) -> String {
        String(name.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 })
    }

    private static let names: [String: String] = [
        // Cisco.
        "ios": "cisco_iosxe", "cisco_ios": "cisco_iosxe", "cisco_xe": "cisco_iosxe", "iosxe": "cisco_iosxe",
        "ios_xe": "cisco_iosxe",
        "cisco_ios_xe": "cisco_iosxe", "cisco_iosxe": "cisco_iosxe", "cisco.ios.ios": "cisco_iosxe",
        "cisco_iol": "cisco_iosxe", "cisco_csr1000v": "cisco_iosxe", "cisco_c8000v": "cisco_iosxe",
        "cisco_cat9kv": "cisco_iosxe", "cisco_vios": "cisco_iosxe", "vr_csr": "cisco_iosxe", "vr_c8000v": "cisco_iosxe",
        "cisco_xr": "cisco_iosxr", "iosxr": "cisco_iosxr", "ios_xr": "cisco_iosxr", "iosxr_netconf": "cisco_iosxr",
        "cisco_ios_xr": "cisco_iosxr", "cisco_iosxr": "cisco_iosxr", "cisco.iosxr.iosxr": "cisco_iosxr",
        "xrd": "cisco_iosxr",
        "cisco_xrd": "cisco_iosxr", "cisco_xrv": "cisco_iosxr", "cisco_xrv9k": "cisco_iosxr",
        "cisco_8000": "cisco_iosxr", "vr_xrv": "cisco_iosxr", "vr_xrv9k": "cisco_iosxr",
        "nxos": "cisco_nxos", "nxos_ssh": "cisco_nxos", "nx_os": "cisco_nxos", "cisco_nxos": "cisco_nxos",
        "cisco_nx_os": "cisco_nxos", "cisco.nxos.nxos": "cisco_nxos", "cisco_n9kv": "cisco_nxos",
        "vr_n9kv": "cisco_nxos",
        // Arista, Juniper, Nokia.
        "eos": "arista_eos", "arista_eos": "arista_eos", "arista.eos.eos": "arista_eos", "ceos": "arista_eos",
        "arista_ceos": "arista_eos", "arista_veos": "arista_eos", "vr_veos": "arista_eos",
        "junos": "juniper_junos", "juniper": "juniper_junos", "juniper_junos": "juniper_junos", "crpd": "juniper_junos",
        "junipernetworks.junos.junos": "juniper_junos", "juniper_crpd": "juniper_junos", "juniper_vmx": "juniper_junos",
        "juniper_vqfx": "juniper_junos", "juniper_vsrx": "juniper_junos", "juniper_vjunosrouter": "juniper_junos",
        "juniper_vjunosswitch": "juniper_junos", "juniper_vjunosevolved": "juniper_junos",
        "juniper_cjunosevolved": "juniper_junos",
        "srl": "nokia_srlinux", "srlinux": "nokia_srlinux", "sr_linux": "nokia_srlinux", "nokia_srl": "nokia_srlinux",
        "nokia_srlinux": "nokia_srlinux", "nokia.srlinux.srlinux": "nokia_srlinux",
        "sros": "nokia_sros", "sr_os": "nokia_sros", "nokia_sros": "nokia_sros", "nokia.sros.md": "nokia_sros",
        "vr_sros": "nokia_sros",
        "nokia_srsim": "nokia_sros", "alcatel_sros": "nokia_sros_classic", "nokia.sros.classic": "nokia_sros_classic",
        // Others.
        "ros": "mikrotik_routeros", "mikrotik": "mikrotik_routeros", "routeros": "mikrotik_routeros",
        "mikrotik_ros": "mikrotik_routeros",
        "mikrotik_routeros": "mikrotik_routeros", "community.routeros.routeros": "mikrotik_routeros",
        "vr_ros": "mikrotik_routeros",
        "huawei": "huawei_vrp", "huawei_vrp": "huawei_vrp", "huawei_vrpv8": "huawei_vrpv8", "ce": "huawei_vrpv8",
        "community.network.ce": "huawei_vrpv8",
        "hp_comware": "hp_comware", "comware": "hp_comware",
        "aoscx": "aruba_aoscx", "aruba_aoscx": "aruba_aoscx", "arubanetworks.aoscx.aoscx": "aruba_aoscx",
        "vr_aoscx": "aruba_aoscx",
        "panos": "paloalto_panos", "paloalto_panos": "paloalto_panos", "vr_pan": "paloalto_panos",
        "fortios": "fortinet_fortios", "fortinet": "fortinet_fortios", "fortinet_fortios": "fortinet_fortios",
        "fortinet_fortigate": "fortinet_fortios", "vr_fortios": "fortinet_fortios",
        "vyos": "vyos", "vyos.vyos.vyos": "vyos", "vyosnetworks_vyos": "vyos",
        "frr": "frr_vtysh", "linux": "linux", "linux_ssh": "linux",
    ]
}
