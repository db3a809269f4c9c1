import Devices

extension Recipes {
    static func parallel(_ client: DeviceClient) async -> [String: String] {
        var releases: [String: String] = [:]
        // recipe: parallel
        let results = await client.forEach(["tag:edge", "core-*"], atMost: 200) { client, device throws(DeviceError) in
            try await client.run(device, "show version")
        }
        for result in results {
            switch result.result {
            case .success(let answer): releases[result.target] = answer.text
            case .failure(let error): releases[result.target] = "\(error)"
            }
        }
        // end
        return releases
    }

    static func parallelSequences(_ client: DeviceClient, _ note: @escaping @Sendable (String) -> Void) async -> Bool {
        // recipe: parallel-sequences
        let results = await client.run(on: ["all"], ["show clock", "show version"]) { result in
            note("\(result.target) is done")  // as soon as it is, in no particular order
        }
        // end
        return results.allSatisfy { if case .success(let sequence) = $0.result { sequence.succeeded } else { false } }
    }

    static func adHoc(_ client: DeviceClient, _ address: String, _ password: String) async throws -> String {
        // recipe: ad-hoc
        let credential = Credential(user: "admin", password: Secret(password))
        let clock = try await client.run("admin@\(address)", "show clock", credential: credential)
        // end
        return clock.text
    }

    static func override(_ client: DeviceClient, _ password: String) async throws -> String {
        // recipe: override
        let auditor = Credential(user: "auditor", password: Secret(password))
        let seen = try await client.run("router1", "show version", credential: auditor)
        // end
        return seen.text
    }

    static func warm(
        _ inventory: Inventory, _ heard: @escaping @Sendable (String) -> Void
    ) async throws -> String {
        var answer = ""
        // recipe: warm
        var configuration = DeviceClient.Configuration(inventory: inventory)
        configuration.idleTimeout = .seconds(600)
        configuration.onEvent = { event in
            switch event.kind {
            case .sessionLost(_, let code, let message): heard("\(event.device) lost: \(code), \(message)")
            case .unreachable(_, _, let failures, let pause):
                heard("\(event.device) failed \(failures) times and is left alone for \(pause)")
            default: heard("\(event.device) \(event.name)")
            }
        }
        try await DeviceClient.withClient(configuration) { client in
            client.keepWarm(["router1"])  // opened now, and again whenever it is lost
            answer = try await client.run("router1", "show clock").text
        }
        // end
        return answer
    }

    static func keepalive(_ device: Device) -> Device {
        // recipe: keepalive
        var device = device
        device.session.cliKeepalive = .seconds(240)  // `cli_keepalive: 4m` in the inventory
        // end
        return device
    }
}
