/// A file, or a source, that an inventory was read from.
package struct InventoryFile: Sendable, Hashable {
    package enum Form: String, Sendable, Hashable, CaseIterable {
        case tether = "Tether YAML"
        case csv = "CSV"
        case nornir = "Nornir SimpleInventory"
        case ansible = "Ansible YAML"
        case netbox = "NetBox"
        case json = "Tether JSON"
    }

    /// The file's path, or the source's address without its query.
    package let name: String
    package let form: Form
    /// Devices that it gives.
    package var devices = 0
}
