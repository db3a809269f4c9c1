/// A text of several lines behind a command: sent in one piece when the device has asked for it, never before. A device that refuses the command would
/// take each line of the text for a command.
extension DialogueMachine {
    /// Notes the device's invitation. Returns whether a line is the echo of the text.
    mutating func isTypedText(_ line: [UInt8]) -> Bool {
        guard let text = self.command.options.text else { return false }
        if !self.command.isInvited { self.command.isInvited = text.invitation.matches(line) }
        guard self.command.isTypingText else { return false }
        // The device may put a prompt of its own before each line, and log messages between them.
        let expected = text.lines[self.command.echoedTextLines].trimmed
        let isEcho =
            expected.isEmpty ? line.trimmedCount <= 2 : line.trimmed.suffix(expected.count).elementsEqual(expected)
        if isEcho { self.command.echoedTextLines += 1 }
        return isEcho
    }

    /// Types the text if the device waits for it.
    mutating func typeText(_ actions: inout [Action]) -> Bool {
        guard let text = self.command.options.text, self.command.isInvited, !self.command.hasTypedText else {
            return false
        }
        self.command.hasTypedText = true
        actions.append(.send(text.lines.flatMap { $0 + self.rules.lineEnding }))
        self.wait(&actions)
        return true
    }
}
