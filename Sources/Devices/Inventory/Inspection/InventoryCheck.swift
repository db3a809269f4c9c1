import Dialogue
import Foundation

/// What else is to be said about an inventory that could be read.
package struct InventoryCheck: Sendable {
    /// What keeps it from being used.
    package private(set) var errors: [InventoryError] = []
    package private(set) var warnings: [InventoryWarning] = []

    /// Names in one message, at most.
    private static let maximumNames = 5

    /// - Parameters:
    ///   - platforms: A directory with platform definitions of the user's own.
    ///   - environmentPrefix: Of the variables that give credentials.
    /// - Throws: `inventory.invalid` for platform definitions that can't be read.
    package init(
        _ inventory: Inventory, platforms: String? = nil, environmentPrefix: String,
        environment variables: [String: String] = ProcessInfo.processInfo.environment
    ) throws(DeviceError) {
        let library: PlatformLibrary
        do {
            library = try PlatformLibrary(directory: platforms)
        } catch {
            throw DeviceError(code: "inventory.invalid", message: error.description)
        }
        self.checkPlatforms(inventory, library)
        if inventory.deviceCount == 0 { self.warnings.append(InventoryWarning(nil, "there are no devices in it")) }
        self.warnings += inventory.notes
        self.warnings += inventory.contents.warnings
        self.checkAddresses(inventory)
        self.checkCredentials(inventory, CredentialEnvironment(prefix: environmentPrefix, variables: variables))
        self.checkSequences(inventory, library)
    }

    private mutating func checkPlatforms(_ inventory: Inventory, _ library: PlatformLibrary) {
        var mistakes = InventoryMistakes()
        var suggestions: [String: String] = [:]
        for (index, device) in inventory.contents.devices.enumerated()
        where library.platform(named: device.platform) == nil {
            let suggestion =
                suggestions[device.platform]
                ?? Suggestion.closest(to: device.platform, among: library.names).map { Suggestion.sentence($0) }
                ?? "; known are \(library.names.joined(separator: ", "))"
            suggestions[device.platform] = suggestion
            mistakes.add(
                InventoryError(
                    inventory.contents.deviceSettings[index]["device_type"]?.place ?? inventory.contents.places[index],
                    "devices.\(device.name).device_type", "there is no platform \(quoted(device.platform))\(suggestion)"
                ))
        }
        if let error = mistakes.error { self.errors = error.all }
    }

    private mutating func checkAddresses(_ inventory: Inventory) {
        let shared = Set(inventory.contents.deviceByAddress.lazy.filter { $0.value == nil }.map(\.key))
        guard !shared.isEmpty else { return }
        var byAddress: [String: [Int]] = [:]
        for (index, device) in inventory.contents.devices.enumerated() {
            let address = HostName.address(host: device.host, port: device.port)
            if shared.contains(address) { byAddress[address, default: []].append(index) }
        }
        for (address, indexes) in byAddress.sorted(by: { $0.value[0] < $1.value[0] }) {
            self.warnings.append(
                InventoryWarning(
                    inventory.contents.places[indexes[0]],
                    "\(Self.names(indexes, inventory)) share the address \(address): each gets a session of its own"))
        }
    }

    private mutating func checkCredentials(_ inventory: Inventory, _ environment: CredentialEnvironment) {
        var withoutUser: [Int] = []
        var withoutSecret: [Int] = []
        for index in inventory.contents.devices.indices {
            let places = inventory.credentialPlaces(index, environment)
            if !places.contains(where: \.givesUser) { withoutUser.append(index) }
            if !places.contains(where: \.givesLogin) { withoutSecret.append(index) }
        }
        for (indexes, what) in [(withoutUser, "user"), (withoutSecret, "password or private key")]
        where !indexes.isEmpty {
            self.warnings.append(
                InventoryWarning(
                    inventory.contents.places[indexes[0]],
                    "no \(what) is known for \(Self.names(indexes, inventory)), neither here nor in this environment"))
        }
    }

    private mutating func checkSequences(_ inventory: Inventory, _ library: PlatformLibrary) {
        for (name, platforms) in inventory.sequences.sorted(by: { $0.key < $1.key }) {
            for platform in platforms.keys.sorted()
            where platform != "default" && library.platform(named: platform) == nil {
                let close = Suggestion.closest(to: platform, among: library.names)
                self.warnings.append(
                    InventoryWarning(
                        inventory.sequencePlaces[name],
                        "sequences.\(name): there is no platform \(quoted(platform))" + Suggestion.sentence(close)))
            }
            // Somebody who names a sequence for a device without one gets an error.
            guard platforms["default"] == nil else { continue }
            let served = Set(platforms.keys.compactMap { library.platform(named: $0)?.name })
            let missing = Set(inventory.contents.devices.lazy.map(\.platform)).compactMap {
                library.platform(named: $0)?.name
            }
            .filter { !served.contains($0) }
            if !missing.isEmpty {
                self.warnings.append(
                    InventoryWarning(
                        inventory.sequencePlaces[name],
                        "sequences.\(name): has no commands for \(Set(missing).sorted().joined(separator: ", ")), nor for `default`"
                    ))
            }
        }
    }

    private static func names(_ indexes: [Int], _ inventory: Inventory) -> String {
        let names = indexes.prefix(self.maximumNames).map { inventory.contents.devices[$0].name }.joined(
            separator: ", ")
        return indexes.count > self.maximumNames ? "\(names) and \(indexes.count - self.maximumNames) more" : names
    }
}
