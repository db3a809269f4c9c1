/// What a device or group may be called.
enum InventoryName {
    /// Why a text can't be a name, as the end of a sentence; `nil` when it can.
    ///
    /// A name is a Kafka key, part of a task's id, and a target expression: so nothing in it may be invisible, separate paths or users, or
    /// mean something in an expression (`group:core`, `host:port`, `access-*`, `all`).
    static func problem(with name: String) -> String? {
        guard !name.isEmpty else { return "is empty" }
        guard name != "all" else { return "is reserved: as a target it stands for every device" }
        guard name.utf8.count <= 253 else { return "is longer than 253 bytes" }
        for scalar in name.unicodeScalars {
            switch scalar {
            // Nearly all names hold nothing else, and Unicode's tables are slow.
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": continue
            case "/", "@", ":", "*", "?", "[", "]", ",":
                return "must not contain `\(scalar)`: it has a meaning in targets or paths"
            case _ where scalar.properties.isWhitespace: return "must not contain white space"
            case _ where scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format:
                return "must not contain control characters"
            default: continue
            }
        }
        return nil
    }
}
