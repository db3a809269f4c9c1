/// Something that should have happened did not, within its time.
struct NotInTime: Error, CustomStringConvertible {
    let description: String

    init(_ what: String, within limit: Duration, state: String = "") {
        self.description = "not within \(limit): \(what)" + (state.isEmpty ? "" : "\n\(state)")
    }
}

/// What every wait may take at most: long, because the machine may be busy. A passing test never comes near it.
let patience = Duration.seconds(60)

/// Waits for a condition, with a deadline.
func until(
    _ what: String,
    within limit: Duration = patience,
    state: () -> String = { "" },
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(what, within: limit, state: state()) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Something about a test's surroundings that is not as it has to be.
struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
