import ArgumentParser
import Glibc
import Jobs

/// Which records are shown.
struct RecordFilter: ParsableArguments {
    @Option(
        name: .customLong("device"),
        help: ArgumentHelp("Only of devices whose names match. May be repeated.", valueName: "pattern"))
    var devices: [String] = []

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp(
            "Only records of this type; a pattern such as 'session.*' too. May be repeated.", valueName: "pattern"))
    var types: [String] = []

    func matches(type: String, device: String?) -> Bool {
        Self.matches(type, self.types)
            && (self.devices.isEmpty || device.map { Self.matches($0, self.devices) } ?? false)
    }

    private static func matches(_ text: String, _ patterns: [String]) -> Bool {
        patterns.isEmpty || patterns.contains { fnmatch($0, text, 0) == 0 }
    }
}
