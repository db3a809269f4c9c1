/// What came of an operation on one of several targets.
public struct TargetResult<Value: Sendable>: Sendable {
    /// The device's name, the ad-hoc expression, or what stands for nothing in the inventory.
    public var target: String
    public var result: Result<Value, DeviceError>

    public init(target: String, result: Result<Value, DeviceError>) {
        self.target = target
        self.result = result
    }
}

extension DeviceClient {
    /// Works on many devices side by side, at most `limit` at a time. One that fails costs nobody else anything.
    ///
    /// ```swift
    /// let results = await client.forEach(["group:core", "admin@192.0.2.7"]) { client, device throws(DeviceError) in
    ///     try await client.run(device, "show version")
    /// }
    /// ```
    ///
    /// Cancelling the task interrupts what runs and starts nothing more: the rest ends with `cancelled`.
    ///
    /// - Parameters:
    ///   - targets: As for `Inventory.resolve`. What stands for nothing has a result of its own, `target.unknown`.
    ///   - onResult: Called for each result when it is there, one at a time, in no particular order.
    /// - Returns: One result for each device, in the order of the inventory, then ad-hoc targets and unknown ones.
    public func forEach<Value: Sendable>(
        _ targets: [String],
        atMost limit: Int = 64,
        onResult: (@Sendable (TargetResult<Value>) -> Void)? = nil,
        _ body: @escaping @Sendable (DeviceClient, String) async throws(DeviceError) -> Value
    ) async -> [TargetResult<Value>] {
        let resolution = self.inventory.resolve(targets)
        let known = resolution.devices + resolution.adHoc.map(\.expression)
        var results = [TargetResult<Value>?](repeating: nil, count: known.count)
        await withTaskGroup(of: (Int, TargetResult<Value>).self) { tasks in
            var next = 0
            func start() {
                guard next < known.count else { return }
                let index = next
                next += 1
                tasks.addTask { (index, await self.result(for: known[index], body)) }
            }
            for _ in 0..<max(1, limit) { start() }
            for await (index, result) in tasks {
                results[index] = result
                onResult?(result)
                start()
            }
        }
        let unknown = resolution.unknown.map { target in
            TargetResult<Value>(target: target, result: .failure(self.unknownTarget(target)))
        }
        for result in unknown { onResult?(result) }
        return results.compactMap { $0 } + unknown
    }

    private func result<Value: Sendable>(
        for target: String,
        _ body: @Sendable (DeviceClient, String) async throws(DeviceError) -> Value
    ) async -> TargetResult<Value> {
        guard !Task.isCancelled else {
            return TargetResult(target: target, result: .failure(DeviceError.cancelled(target)))
        }
        do throws(DeviceError) {
            return TargetResult(target: target, result: .success(try await body(self, target)))
        } catch {
            return TargetResult(target: target, result: .failure(error))
        }
    }

    /// Runs commands in a row on each of many devices: see ``forEach(_:atMost:onResult:_:)`` and
    /// ``DeviceSession/runSequence(_:stopsAtFailure:output:)``.
    public func run(
        on targets: [String],
        _ commands: [DeviceCommand],
        stopsAtFailure: Bool = true,
        atMost limit: Int = 64,
        credential: Credential? = nil,
        onResult: (@Sendable (TargetResult<SequenceResult>) -> Void)? = nil
    ) async -> [TargetResult<SequenceResult>] {
        await self.forEach(targets, atMost: limit, onResult: onResult) { client, target throws(DeviceError) in
            try await client.runSequence(
                target, commands, stopsAtFailure: stopsAtFailure, credential: credential)
        }
    }
}
