import Devices

extension Recipes {
    static func errors(_ client: DeviceClient, _ command: DeviceCommand) async -> String {
        // recipe: errors
        do {
            let result = try await client.run("router1", command)
            if let failure = result.failure { return "rejected: \(failure)" }
            return result.text
        } catch {
            switch error.delivery {
            case .notSent where error.isRetriable: return "nothing was sent; later it may work: \(error)"
            case .notSent: return "nothing was sent, and trying again won't help: \(error)"
            case .answered: return "the device answered: \(error)"
            case .unknown: return "it may have run; look before you send it again: \(error)"
            }
        }
        // end
    }

    static func inStep(_ session: DeviceSession) async throws -> String {
        // recipe: in-step
        do {
            return try await session.run(DeviceCommand("lab sleep 60000", timeout: .milliseconds(200))).text
        } catch {
            guard error.code == "command.timeout", error.sessionIsInStep else { throw error }
            // Ctrl-C brought the device back to its prompt: the session goes on.
            return try await session.run("show clock").text
        }
        // end
    }

    static func byCode(_ client: DeviceClient) async throws -> String {
        // recipe: by-code
        do {
            return try await client.run("router9", "show clock").text
        } catch {
            guard error.code == "target.unknown" else { throw error }
            return error.message  // names the device that was probably meant
        }
        // end
    }
}
