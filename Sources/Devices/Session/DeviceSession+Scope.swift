import Logging

extension DeviceSession {
    /// A session of its own for the time of `body`: opened now, shared with nobody, closed when `body` returns or throws.
    ///
    /// ```swift
    /// let credential = Credential(user: "admin", password: Secret(password))
    /// try await DeviceSession.withSession(to: "router1", configuration: configuration, credential: credential) { session in
    ///     let result = try await session.run(DeviceCommand("show version"))
    ///     print(result.text)
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - device: A device of the inventory, or an ad-hoc `user@host:port`.
    ///   - credential: What to log in with; `nil`: what inventory and environment say.
    public static func withSession<Result>(
        to device: String,
        configuration: DeviceClient.Configuration,
        credential: Credential? = nil,
        logger: Logger = Logger(label: "tether.devices"),
        _ body: (DeviceSession) async throws -> Result
    ) async throws -> Result {
        try await DeviceClient.withClient(configuration, logger: logger) { client in
            try await client.withTemporarySession(for: try client.device(named: device), credential: credential, body)
        }
    }
}
