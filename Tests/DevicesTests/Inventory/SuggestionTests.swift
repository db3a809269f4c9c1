import Testing

@testable import Devices

@Suite("Suggestions")
struct SuggestionTests {
    @Test(
        "the nearest candidate is suggested, if it is near enough",
        arguments: [
            ("usr", "user"), ("psasword", "password"), ("USER", "user"), ("hostt", "host"), ("ost", "host"),
            ("colour", nil), ("x", nil),
        ]
    )
    func nearest(text: String, expected: String?) {
        #expect(Suggestion.closest(to: text, among: ["host", "user", "password", "port"]) == expected)
    }

    @Test(
        "insertions, deletions, replacements and swaps count one",
        arguments: [
            ("", "", 0), ("a", "", 1), ("abc", "abd", 1), ("abcd", "abdc", 1), ("abc", "xyz", 3),
            ("kitten", "sitting", 3),
        ]
    )
    func distances(one: String, other: String, expected: Int) {
        #expect(Suggestion.distance(Array(one.utf8), Array(other.utf8)) == expected)
    }
}
