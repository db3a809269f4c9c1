/// File names made of text from elsewhere: device names, addresses, commands, paths on devices.
///
/// Nothing in them leads out of a folder, hides a file, looks like an option, or needs quoting in a shell.
enum SafeFileName {
    static let maximumBytes = 80

    /// Letters, digits, `.`, `_` and `-` of ASCII stay; everything else becomes `_`. Different texts may give the same name.
    static func readable(_ text: String) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            guard name.utf8.count < self.maximumBytes else { break }
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_": name.unicodeScalars.append(scalar)
            // Not in front: `..` leads up, `.x` is hidden, and `-x` is an option.
            case ".", "-": name.unicodeScalars.append(name.isEmpty ? "_" : scalar)
            default: name.append("_")
            }
        }
        return name.isEmpty ? "_" : name
    }

    /// The same, with a mark of the whole text where something was lost: different texts give different names.
    static func unique(_ text: String) -> String {
        let name = self.readable(text)
        return name == text ? name : self.marked(name, text)
    }

    static func marked(_ name: String, _ text: String) -> String { "\(name)~\(self.mark(of: text))" }

    /// FNV-1a, 64 bits.
    private static func mark(of text: String) -> String {
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
