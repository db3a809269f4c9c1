/// The prompt that the device showed last.
struct KnownPrompt: Sendable {
    /// Blanks at the end removed.
    let text: [UInt8]
    /// What stays when the mode changes: the host name, with what stands before it. Never empty unless the text is.
    let stem: [UInt8]
    /// Some devices cut the host name in their configuration mode: IOS at 20 characters, so that much is compared.
    let stemHead: [UInt8]
    let string: String

    init(_ text: [UInt8]) {
        self.text = text.trimmed
        self.stem = Self.stem(of: self.text)
        self.stemHead = Array(self.stem.prefix(20))
        self.string = String(decoding: self.text, as: UTF8.self)
    }

    /// Whether another prompt can be the same device's in another mode: one name begins with the other.
    func isConsistent(with other: [UInt8]) -> Bool {
        let stem = Self.stem(of: other)
        return stem.starts(with: self.stem) || self.stem.starts(with: stem)
    }

    private static func stem(of text: [UInt8]) -> [UInt8] {
        let endings: [UInt8] = [0x20, 0x09] + Array(">#$%:])".utf8)
        var end = text.count
        while end > 0, endings.contains(text[end - 1]) { end -= 1 }
        // "(config)", and " /ip address".
        let cuts: [UInt8] = [UInt8(ascii: "("), 0x20]
        let cut = text[..<end].dropFirst().firstIndex { cuts.contains($0) } ?? end
        return cut == 0 ? text : Array(text[..<cut])
    }
}
