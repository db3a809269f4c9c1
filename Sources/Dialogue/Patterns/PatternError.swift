/// A regular expression that can't be compiled.
package struct PatternError: Error, Sendable, Hashable, CustomStringConvertible {
    package let source: String
    /// Where in `source` the mistake was noticed, in bytes.
    package let offset: Int
    /// PCRE2's words.
    package let reason: String

    package var description: String {
        "/\(self.source)/ is not a regular expression: \(self.reason) (at offset \(self.offset))"
    }

    static func outOfMemory(_ source: String) -> PatternError {
        PatternError(source: source, offset: 0, reason: "out of memory")
    }
}
