/// Something in an inventory that works, but probably not as it was meant.
package struct InventoryWarning: Sendable, Hashable, CustomStringConvertible {
    package let file: String?
    package let line: Int?
    package let message: String

    init(_ place: InventoryPlace?, _ message: String) {
        self.file = place?.file
        self.line = place?.line
        self.message = message
    }

    package var description: String {
        let place = [self.file, self.line.map(String.init)].compactMap { $0 }.joined(separator: ":")
        return place.isEmpty ? self.message : "\(place): \(self.message)"
    }
}
