import Lab
import Logging
import NIOCore
import SSH
import Testing

@testable import Devices

/// Simulated devices and a configuration that knows them.
struct TestLab {
    let farm: DeviceFarm
    var configuration: DeviceClient.Configuration

    var device: SimulatedDevice { self.farm.devices[0] }
    var name: String { self.device.name }

    init(
        _ personalities: [Personality] = [.ciscoIOSXE],
        count: Int? = nil,
        password: String = "admin",
        general: Inventory.General = Inventory.General(timeout: .seconds(20), retryDelay: .milliseconds(20)),
        options change: (inout DeviceFarm.Options) -> Void = { _ in }
    ) throws {
        var options = DeviceFarm.Options(personalities: personalities, count: count ?? personalities.count)
        change(&options)
        self.farm = try DeviceFarm(options)
        let enableSecret = options.enableSecret
        self.configuration = DeviceClient.Configuration(
            inventory: try Inventory(
                general: general,
                devices: self.farm.devices.map { device in
                    Device(
                        name: device.name,
                        host: device.host,
                        port: device.port,
                        platform: device.personality.rawValue,
                        credential: Credential(
                            user: "admin",
                            password: Secret(password),
                            enableSecret: enableSecret.map { Secret($0) }
                        )
                    )
                }
            ),
            signOnTimeout: .seconds(20),
            interruptionTimeout: .seconds(1)
        )
    }

    /// A client for the time of `body`. The environment of the test run gives no credentials.
    func withClient<Result>(_ body: (DeviceClient) async throws -> Result) async throws -> Result {
        let client = try self.makeClient()
        do {
            let result = try await body(client)
            await client.shutDown()
            return result
        } catch {
            await client.shutDown()
            throw error
        }
    }

    func makeClient(environment: [String: String] = [:]) throws -> DeviceClient {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try DeviceClient(
            self.configuration,
            environment: CredentialEnvironment(prefix: "TETHER", variables: environment),
            logger: logger
        )
    }
}

/// Waits for a condition, with a deadline.
func until(
    _ what: String,
    within limit: Duration = .seconds(10),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// The error that `body` throws.
func deviceError<Result>(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Result
) async throws -> DeviceError {
    do {
        _ = try await body()
    } catch let error as DeviceError {
        return error
    }
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    return DeviceError(code: "none", message: "")
}
