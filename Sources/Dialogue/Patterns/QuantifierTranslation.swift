/// A pattern with each quantifier `{,n}` written as `{0,n}`.
///
/// Python reads `{,n}` as a quantifier, and so do definitions that were tested with it; PCRE2 before 10.43 takes it for literal text, so that
/// such a prompt pattern would silently never match.
struct QuantifierTranslation {
    private(set) var pattern: [UInt8] = []
    /// Offsets in `pattern` of the zeros that were put in.
    private var insertions: [Int] = []

    init(_ source: String) {
        let input = Array(source.utf8)
        self.pattern.reserveCapacity(input.count + 4)
        var index = 0
        while index < input.count {
            switch input[index] {
            case UInt8(ascii: "\\"):
                index = self.copyEscape(input, from: index)
            case UInt8(ascii: "["):
                index = self.copyClass(input, from: index)
            case UInt8(ascii: "{"):
                self.pattern.append(input[index])
                index += 1
                if Self.isOpenQuantifier(input, from: index) {
                    self.insertions.append(self.pattern.count)
                    self.pattern.append(UInt8(ascii: "0"))
                }
            default:
                self.pattern.append(input[index])
                index += 1
            }
        }
    }

    func originalOffset(of offset: Int) -> Int {
        offset - self.insertions.count { $0 < offset }
    }

    /// `,n}` at `start`.
    private static func isOpenQuantifier(_ input: [UInt8], from start: Int) -> Bool {
        guard start < input.count, input[start] == UInt8(ascii: ",") else { return false }
        var index = start + 1
        while index < input.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(input[index]) { index += 1 }
        return index > start + 1 && index < input.count && input[index] == UInt8(ascii: "}")
    }

    private mutating func copyEscape(_ input: [UInt8], from start: Int) -> Int {
        var end = min(start + 2, input.count)
        if end - start == 2, input[start + 1] == UInt8(ascii: "Q") {
            // Everything up to \E stands for itself.
            while end < input.count, !(input[end] == UInt8(ascii: "E") && input[end - 1] == UInt8(ascii: "\\")) {
                end += 1
            }
            end = min(end + 1, input.count)
        }
        self.pattern += input[start..<end]
        return end
    }

    private mutating func copyClass(_ input: [UInt8], from start: Int) -> Int {
        var index = start + 1
        if index < input.count, input[index] == UInt8(ascii: "^") { index += 1 }
        // A bracket in first place stands for itself.
        if index < input.count, input[index] == UInt8(ascii: "]") { index += 1 }
        while index < input.count, input[index] != UInt8(ascii: "]") {
            if input[index] == UInt8(ascii: "\\") {
                index += 1
            } else if input[index] == UInt8(ascii: "["), index + 1 < input.count, input[index + 1] == UInt8(ascii: ":")
            {
                // A named class such as [:alpha:]; without its end, the bracket is an ordinary character.
                var end = index + 2
                while end < input.count, input[end] != UInt8(ascii: "]") { end += 1 }
                if end < input.count, input[end - 1] == UInt8(ascii: ":"), end > index + 2 { index = end }
            }
            index += 1
        }
        let end = min(index + 1, input.count)
        self.pattern += input[start..<end]
        return end
    }
}
