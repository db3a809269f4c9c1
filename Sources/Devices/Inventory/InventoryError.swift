/// A mistake in an inventory, with its place.
public struct InventoryError: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String?
    public let line: Int?
    /// Names the field (`devices.router1.port`), what is wrong and what would be right.
    public let message: String

    public init(file: String? = nil, line: Int? = nil, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    init(_ place: InventoryPlace?, _ path: String, _ problem: String) {
        self.init(file: place?.file, line: place?.line, message: path.isEmpty ? problem : "\(path): \(problem)")
    }

    /// `inventory/core.yaml:12: devices.router1.port: …`
    public var description: String {
        let place = [self.file, self.line.map(String.init)].compactMap { $0 }.joined(separator: ":")
        return place.isEmpty ? self.message : "\(place): \(self.message)"
    }
}

/// Where something stands in an inventory's files.
struct InventoryPlace: Sendable, Hashable, CustomStringConvertible {
    var file: String
    /// Counted from 1.
    var line: Int?

    var description: String { self.line.map { "\(self.file):\($0)" } ?? self.file }
}
