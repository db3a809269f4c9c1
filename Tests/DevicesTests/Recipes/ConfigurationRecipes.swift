import Devices

extension Recipes {
    static func configure(_ client: DeviceClient) async throws -> ConfigurationResult {
        // recipe: configure
        let change = ConfigurationChange(
            text: """
                interface Loopback7
                 description to the moon
                 ip address 192.0.2.7 255.255.255.255
                """,
            saving: .onSuccess
        )
        let result = try await client.configure("router1", change)
        switch result.state {
        case .applied: print("in effect, \(result.isSaved ? "and saved" : "not saved")")
        case .unconfirmed: print("in effect until it is confirmed, or the device takes it back")
        case .discarded: print("nothing has changed: \(result.failure ?? "")")
        case .partlyApplied: print("\(result.lines.count - 1) lines are in effect, then: \(result.failure ?? "")")
        case .unknown: print("look before you try again: \(result.error.map { "\($0)" } ?? "")")
        }
        // end
        return result
    }

    static func banner(_ client: DeviceClient) async throws -> ConfigurationResult {
        // recipe: banner
        let banner = ConfigurationChange(
            text: """
                banner motd ^C
                Authorised users only.

                Everything is recorded.
                ^C
                """
        )
        let result = try await client.configure("router1", banner)
        // end
        return result
    }

    static func dryRun(_ client: DeviceClient, _ lines: [String]) async throws -> String? {
        // recipe: dry-run
        let preview = try await client.configure("router2", ConfigurationChange(lines, commit: .dryRun))
        print(preview.diff ?? "the platform doesn't tell")
        // end
        return preview.diff
    }

    static func confirmed(_ client: DeviceClient, _ lines: [String]) async throws -> ConfigurationResult {
        // recipe: commit-confirmed
        let change = ConfigurationChange(lines, commit: .within(.seconds(120)))
        let result = try await client.configure("router2", change)
        // end
        return result
    }

    static func confirmedLater(_ client: DeviceClient, _ lines: [String]) async throws {
        // recipe: confirm-later
        let change = ConfigurationChange(lines, commit: .within(.seconds(120), confirms: false))
        let result = try await client.configure("router2", change)
        guard result.state == .unconfirmed, let device = client.inventory["router2"] else { return }
        // … see whether the network still works, and then:
        try await client.session(for: device).confirmConfiguration()
        // end
    }
}
