import ArgumentParser
import Lab

extension Personality: ExpressibleByArgument {}

/// A time such as `5ms`, `1.5s` or `2m`.
struct TimeSpan: ExpressibleByArgument, Sendable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1_000), ("m", 60_000)]
        guard let unit = units.first(where: { argument.hasSuffix($0.suffix) }),
            let value = Double(argument.dropLast(unit.suffix.count)), value >= 0, value < 1e9
        else { return nil }
        duration = .microseconds(Int64(value * unit.milliseconds * 1_000))
    }

    var defaultValueDescription: String { "\(duration)" }
}

/// `HOST:PORT`.
struct Endpoint: ExpressibleByArgument, Sendable {
    let host: String
    let port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        host = String(argument[..<colon])
        self.port = port
    }
}
