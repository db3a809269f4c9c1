/// How long the machine waits for a silence to prove something. None of these is a limit for a command: that is the caller's affair.
enum DialogueTiming {
    /// "When everything that has arrived has been looked at": the last line equals the known prompt. No waiting, but a prompt-like line at
    /// the end of one read doesn't count when the next read is already there.
    static let drain: Duration = .zero
    /// The last line equals the known prompt, but the output held such a line before, so the device may be playing back a session. Longer
    /// than a device takes between two packets of one answer.
    static let doubtful: Duration = .milliseconds(150)
    /// The prompt changed its mode, the host name being the same.
    static let changedMode: Duration = .milliseconds(50)
    /// The known prompt right behind the echo, on a device that repeats its echo: the command may follow on the same line.
    static let repeatedEcho: Duration = .milliseconds(50)
    /// A prompt of another host name, or one behind text without a line end: before an Enter is spent on proof.
    static let strangePrompt: Duration = .milliseconds(300)
    /// Silence behind a prompt and log messages: before an Enter is spent on a fresh prompt.
    static let buriedPrompt: Duration = .seconds(1)
    /// How long a device may take to answer that Enter.
    static let probe: Duration = .seconds(5)
    /// Text that looks like a question. Progress messages can look like one, but not for that long.
    static let question: Duration = .seconds(1)
    /// A question that a hidden answer is for, by a pattern that may be loose: it must be the device's last word.
    static let hiddenAnswer: Duration = .milliseconds(100)
    /// A prompt after the interrupt key, or after the Enter behind it: longer than between two packets of one answer.
    static let interruptedPrompt: Duration = .milliseconds(200)
    /// How long a device may take to come back from a command that is interrupted, until the key is pressed again.
    static let interrupt: Duration = .seconds(3)
    /// Echo of a command that is typed without its return key: a busy device on a satellite link shows it within a second; a device that
    /// doesn't echo costs this once or twice, until that is known.
    static let echo: Duration = .seconds(1)
    /// A prompt, but no echo yet: on a device that is known to echo, one that it isn't known of, and one that is known not to.
    static let unechoedPrompt: (echoing: Duration, unknown: Duration, silent: Duration) =
        (.seconds(3), .seconds(1), .milliseconds(50))
    /// A question before the first prompt: the text around it may still be coming.
    static let signOnQuestion: Duration = .milliseconds(300)
    /// Nothing recognisable before the first prompt: then an Enter. Doubles each time, because slow devices take half a minute.
    static let signOnSilence: Duration = .seconds(3)
    /// No prompt after a command of the sign-on, all of which end at once: then an Enter.
    static let setupSilence: Duration = .seconds(5)
}
