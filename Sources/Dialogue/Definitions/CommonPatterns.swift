/// Patterns that hold for most platforms; a definition may replace them.
enum CommonPatterns {
    /// A question for a secret, at the end of the last line.
    static let passwordQuestions = [
        #"(?:password|passphrase|passcode|secret)\b[^\n:]{0,60}:"#
    ]

    /// Questions that a command may put. They count only as the last, unterminated text, blanks at its end removed, and after a silence.
    static let questions = [
        passwordQuestions[0],
        // Username:, login:
        #"(?:^|\s)(?:user ?name|login|user)\s?:"#,
        // [confirm]
        #"\[confirm\]"#,
        // (y/n), [Y/N]:, [yes,no] (yes), (yes/no/cancel)?
        #"[(\[] ?(?:y|n|yes|no) ?[/|,] ?(?:y|n|yes|no)\b[^)\]\n]{0,30}[)\]] ?(?:\([^)\n]{0,20}\) ?)?[:?]?"#,
        // Destination filename [startup-config]?
        #"\[[^\]\n]{0,80}\] ?[?:]"#,
        // Continue?
        #"\w ?\?"#,
        // Press any key to continue
        #"(?:press|hit|type) [^\n]{0,40}\b(?:key|return|enter)\b[^\n]{0,40}"#,
    ]

    static let pager = try? Pattern(#"^ ?-{2,3} ?\(?more\)?(?: \d{1,3}%)? ?-{2,3} ?"#, extent: .ending)

    /// For platforms that have no prompt.
    static let never = try? Pattern(#"(?!)"#)
}
