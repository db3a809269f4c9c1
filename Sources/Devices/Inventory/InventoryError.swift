/// What is wrong with an inventory: the first mistake, and the others that were found on the way.
public struct InventoryError: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String?
    public let line: Int?
    /// In characters, counted from 1.
    public let column: Int?
    /// Names the field (`devices.router1.port`), what is wrong and what would be right. Holds no secret.
    public let message: String
    /// Further mistakes of the same reading, in the order of the files; the number is bounded.
    public internal(set) var others: [InventoryError] = []
    /// How many mistakes there are beyond those told.
    public internal(set) var omitted = 0

    public init(file: String? = nil, line: Int? = nil, column: Int? = nil, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    init(_ place: InventoryPlace?, _ path: String, _ problem: String) {
        self.init(
            file: place?.file, line: place?.line, column: place?.column,
            message: path.isEmpty ? problem : "\(path): \(problem)")
    }

    /// Stable, as in the table of errors.
    public var code: String { "inventory.invalid" }

    /// This mistake and the others, each on its own.
    public var all: [InventoryError] {
        var first = self
        first.others = []
        first.omitted = 0
        return [first] + self.others
    }

    /// `inventory/core.yaml:12:5: devices.router1.port: …`, a line for each mistake.
    public var description: String {
        let lines = self.all.map { mistake in
            let place = [
                mistake.file, mistake.line.map(String.init),
                mistake.line == nil ? nil : mistake.column.map(String.init),
            ]
            .compactMap { $0 }.joined(separator: ":")
            return place.isEmpty ? mistake.message : "\(place): \(mistake.message)"
        }
        return (lines + (self.omitted > 0 ? ["and \(self.omitted) more"] : [])).joined(separator: "\n")
    }
}

/// The mistakes of one reading, the first ones kept.
struct InventoryMistakes {
    private(set) var found: [InventoryError] = []
    private var omitted = 0

    /// How many are kept.
    static let bound = 50

    var isEmpty: Bool { self.found.isEmpty }

    mutating func add(_ error: InventoryError) {
        for mistake in error.all {
            if self.found.count < Self.bound { self.found.append(mistake) } else { self.omitted += 1 }
        }
        self.omitted += error.omitted
    }

    mutating func add(all others: InventoryMistakes) {
        if let error = others.error { self.add(error) }
    }

    /// All as one error; `nil` if there are none.
    var error: InventoryError? {
        guard var error = self.found.first else { return nil }
        error.others = Array(self.found.dropFirst())
        error.omitted = self.omitted
        return error
    }
}
