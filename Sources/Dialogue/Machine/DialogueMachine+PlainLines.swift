/// Lines in the middle of an output, which are most of what a machine ever reads: many at a time, straight from what was received to what is handed out.
///
/// Whatever could make a line more than text (a control character other than a tab, the beginning of a prompt, a line end that hasn't come yet)
/// ends the run: that line goes the long way, by `TerminalLine`, and has the same result.
extension DialogueMachine {
    /// Whether a whole line that comes now is output as it stands, unless it looks like a prompt.
    var takesPlainLines: Bool {
        self.phase == .running && self.command.takesPlainLines && self.terminal.isAtLineStart
            && !self.rules.promptSpansLines
            && (self.command.outputLines >= Self.firstLines || self.command.failure != nil || self.rules.failure == nil)
    }

    /// Takes as many such lines as there are.
    mutating func takePlainLines(_ input: UnsafeRawBufferPointer, from index: inout Int) {
        guard var line = self.plainLine(input, from: index) else { return }
        let start = self.output.count
        // A line's end is never shorter than the one that it gets here.
        self.output.reserveCapacity(start + input.count - index)
        while true {
            let text = UnsafeRawBufferPointer(rebasing: input[index..<(index + line.count)])
            self.output.append(contentsOf: text)
            self.output.append(0x0A)
            self.command.lineEnds += 1
            if !text.isBlank { self.command.outputLines += 1 }
            index = line.end
            guard let next = self.plainLine(input, from: index) else { break }
            line = next
        }
        self.output.withUnsafeBytes { self.recent.append(lines: UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    private func plainLine(_ input: UnsafeRawBufferPointer, from start: Int) -> (count: Int, end: Int)? {
        guard let line = TerminalLine.plainLine(input, from: start),
            !self.prompt.mayBegin(UnsafeRawBufferPointer(rebasing: input[start..<(start + line.count)]))
        else { return nil }
        return line
    }
}

extension RunningCommand {
    /// Whether nothing is expected of the next line but to be output.
    fileprivate var takesPlainLines: Bool {
        self.stage == .output && !self.isLeading && self.cut == nil && self.answeredLine == nil
            && self.kind == .command && self.options.text == nil && self.options.failurePatterns.isEmpty
    }
}
