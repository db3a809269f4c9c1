/// Commands that every personality understands, to make on purpose what tests need.
package enum LabCommand: Sendable, Equatable {
    /// `lab output BYTES`: ``DeterministicText`` of exactly that size.
    case output(bytes: Int)
    /// `lab sleep MS`: answers after that time; Ctrl-C ends it.
    case sleep(milliseconds: Int)
    /// `lab prompt-like [MS]`: lines that look like prompts, the last one left without its line end for MS milliseconds.
    case promptLike(milliseconds: Int)
    /// `lab silent`: never answers, not even to Ctrl-C.
    case silent
    /// `lab drop`: cuts the connection in the middle of the output.
    case drop
    /// `lab count NAME [MS | drop]`: a change: adds one to a counter at once; then prints it, prints it after MS milliseconds, or
    /// cuts the connection without a word.
    case count(name: String, milliseconds: Int, drops: Bool)

    /// `nil` when the line is not a well-formed lab command.
    package init?(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 2, words[0] == "lab" else { return nil }
        switch (words[1], words.count) {
        case ("output", 3):
            guard let bytes = Int(words[2]), (0...1_000_000_000).contains(bytes) else { return nil }
            self = .output(bytes: bytes)
        case ("sleep", 3):
            guard let time = Self.milliseconds(words[2]) else { return nil }
            self = .sleep(milliseconds: time)
        case ("prompt-like", 2): self = .promptLike(milliseconds: 0)
        case ("prompt-like", 3):
            guard let time = Self.milliseconds(words[2]) else { return nil }
            self = .promptLike(milliseconds: time)
        case ("silent", 2): self = .silent
        case ("drop", 2): self = .drop
        case ("count", 3): self = .count(name: words[2], milliseconds: 0, drops: false)
        case ("count", 4) where words[3] == "drop": self = .count(name: words[2], milliseconds: 0, drops: true)
        case ("count", 4):
            guard let time = Self.milliseconds(words[3]) else { return nil }
            self = .count(name: words[2], milliseconds: time, drops: false)
        default: return nil
        }
    }

    private static func milliseconds(_ text: String) -> Int? {
        Int(text).flatMap { (0...86_400_000).contains($0) ? $0 : nil }
    }
}

/// The text of `lab output`: numbered lines of 64 bytes, the same for the same size.
package enum DeterministicText {
    /// Exactly `bytes` bytes of ASCII with `\n` between lines and none at the end. The device sends CR LF for `\n`, and a
    /// line end after the text.
    package static func text(bytes count: Int) -> String {
        String(decoding: utf8(count, lineEnd: [0x0A]), as: UTF8.self)
    }

    /// The same, as it goes over the wire.
    static func utf8(_ count: Int, lineEnd: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count + count / 64 + 2)
        var written = 0
        var line = 0
        while written < count {
            var number = line
            var digits = [UInt8](repeating: UInt8(ascii: "0"), count: 8)
            for index in digits.indices.reversed() {
                digits[index] += UInt8(number % 10)
                number /= 10
            }
            let room = min(63, count - written)
            let full = digits + [UInt8(ascii: " ")] + alphabet
            result += full.prefix(room)
            written += room
            if written < count {
                // A text that would end with a line end gets a full stop there: readers drop the last line end.
                if written + 1 == count { result.append(UInt8(ascii: ".")) } else { result += lineEnd }
                written += 1
            }
            line += 1
        }
        return result
    }

    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQR".utf8)
}
