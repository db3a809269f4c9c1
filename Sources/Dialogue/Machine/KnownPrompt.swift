/// The prompt that the device showed last.
struct KnownPrompt: Sendable {
    /// Blanks at the end removed.
    let text: [UInt8]
    /// What stays when the mode changes: the host name, with what stands before it but brackets. Never empty unless the text is.
    let stem: [UInt8]
    /// Some devices cut the host name in their configuration mode: IOS at 20 characters, so that much is compared.
    private let stemHead: [UInt8]
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

    /// Whether a line begins like a prompt of this device, in whatever mode. Looks at no more bytes than it must: it is asked of every line.
    func mayBegin(_ line: [UInt8]) -> Bool { line.withUnsafeBytes { self.mayBegin($0) } }

    func mayBegin(_ line: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        for byte in self.stemHead {
            while index < min(line.count, Self.decorated), Self.isDecoration(line[index]) { index += 1 }
            guard index < line.count, line[index] == byte else { return false }
            index += 1
        }
        return true
    }

    /// Whether a line that no pattern knows looks like this device's prompt in a part of its command line that nobody has foreseen.
    func mayBecome(_ line: [UInt8]) -> Bool {
        guard self.stem.count > 1, let last = line.last else { return false }
        return [UInt8(ascii: "#"), UInt8(ascii: ">"), UInt8(ascii: "$")].contains(last) && self.mayBegin(line)
    }

    /// `<name>` and `[~name]` are prompts of one device; so are `HRP_M<name>` and `HRP_M[*name]`, and `A:name#` and `*A:name#`. These
    /// marks stand among the first bytes.
    private static let decorated = 12

    private static func isDecoration(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: "["), UInt8(ascii: "~"), UInt8(ascii: "*"),
            UInt8(ascii: "!"):
            true
        default: false
        }
    }

    private static func stem(of text: [UInt8]) -> [UInt8] {
        let bare =
            text.prefix(Self.decorated).filter { !Self.isDecoration($0) } + text.dropFirst(Self.decorated)
        let text = bare.isEmpty ? text : bare
        let endings: [UInt8] = [0x20, 0x09] + Array(">#$%:])".utf8)
        var end = text.count
        while end > 0, endings.contains(text[end - 1]) { end -= 1 }
        // "(config)", and " /ip address".
        let cuts: [UInt8] = [UInt8(ascii: "("), 0x20]
        let cut = text[..<end].dropFirst().firstIndex { cuts.contains($0) } ?? end
        return cut == 0 || end == 0 ? text : Array(text[..<cut])
    }
}
