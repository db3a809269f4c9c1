import Devices

extension Recipes {
    static func oneShot(_ path: String) async throws {
        // recipe: first-command
        let configuration = DeviceClient.Configuration(inventory: try Inventory(path: path))
        try await DeviceClient.withClient(configuration) { client in
            let version = try await client.run("router1", "show version")  // opens the session
            let clock = try await client.run("router1", "show clock")  // reuses it
            print(version.text, clock.text)
        }  // all sessions are closed here, also after an error
        // end
    }

    static func inventoryInCode(_ address: String, _ port: Int, _ password: String) async throws -> String {
        // recipe: inventory-in-code
        let inventory = try Inventory(
            general: Inventory.General(timeout: .seconds(10)),
            devices: [
                Device(
                    name: "router1",
                    host: address,
                    port: port,
                    platform: "cisco_iosxe",
                    tags: ["edge"],
                    credential: Credential(user: "admin", password: Secret(password))
                )
            ]
        )
        let client = try DeviceClient(DeviceClient.Configuration(inventory: inventory))
        let result = try await client.run("router1", "show clock", timeout: .seconds(5))
        await client.shutDown()
        // end
        return result.text
    }

    static func oneResult(_ client: DeviceClient) async throws -> [String] {
        var words: [String] = []
        // recipe: one-result
        let result = try await client.run("router1", "show running-config")
        if let failure = result.failure {
            words.append("the device rejected it: \(failure)")
        } else {
            words.append(result.text)
        }
        // end
        return words
    }

    static func ownSession(_ configuration: DeviceClient.Configuration, _ password: String) async throws -> Bool {
        var isOpen = false
        // recipe: own-session
        let credential = Credential(user: "admin", password: Secret(password))
        try await DeviceSession.withSession(
            to: "router1", configuration: configuration, credential: credential
        ) { session in
            let version = try await session.run("show version")
            print(version.text)
            isOpen = session.isOpen
        }
        // end
        return isOpen
    }
}
