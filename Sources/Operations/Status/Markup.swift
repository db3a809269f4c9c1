/// HTML in which every inserted text is escaped, unless it is markup itself. So nothing that a device or a user has written can become part of the page.
struct Markup: Sendable, Hashable, ExpressibleByStringInterpolation {
    private(set) var html: String

    init(stringLiteral value: String) { self.html = value }

    init(stringInterpolation: StringInterpolation) { self.html = stringInterpolation.html }

    init(joining parts: some Sequence<Markup>) { self.html = parts.lazy.map(\.html).joined() }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var html: String

        init(literalCapacity: Int, interpolationCount: Int) {
            self.html = ""
            self.html.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: String) { self.html += literal }
        mutating func appendInterpolation(_ markup: Markup) { self.html += markup.html }
        mutating func appendInterpolation(_ text: String) { Markup.escape(text, into: &self.html) }
        mutating func appendInterpolation(_ number: some BinaryInteger) { self.html += String(number) }
    }

    /// For element content and quoted attributes (HTML Standard, 13.1.2 and 13.1.3). What isn't allowed in a document, or turns the direction of
    /// writing, is shown as a replacement character.
    private static func escape(_ text: String, into html: inout String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            case "'": html += "&#39;"
            case "\n", "\t": html.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value): html += "\u{FFFD}"
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{200E}", "\u{200F}": html += "\u{FFFD}"
            default: html.unicodeScalars.append(scalar)
            }
        }
    }
}
