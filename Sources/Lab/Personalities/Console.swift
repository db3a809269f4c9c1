/// A device's terminal: line editing, echo, questions, paging, pauses, and the vendor's command line behind them.
///
/// A value without I/O and without a clock. Bytes go in through ``receive(_:device:)``; what to send, and what to do next, comes out.
/// When a pause was asked for, its end is reported through ``pauseEnded(device:)``.
package struct Console: Sendable {
    /// What to do once ``Output/bytes`` are sent.
    package enum Next: Sendable, Equatable {
        /// As before: go on waiting for input, or for the end of a pause that is already running.
        case unchanged
        /// Wait for input; a running pause is called off.
        case input
        /// Call ``Console/pauseEnded(device:)`` after that time.
        case pause(Duration)
        /// End the session in good order, with the status of an exec channel.
        case close(status: Int32)
        /// Cut the connection.
        case drop
        /// Cut every connection of the device.
        case restart
    }

    package struct Output: Sendable, Equatable {
        package var bytes: [UInt8] = []
        /// Standard error of an exec channel.
        package var errorBytes: [UInt8] = []
        package var next = Next.unchanged
        /// Command lines that began to execute, in order. Hidden input (passwords) and answers to questions are not among them.
        package var executed: [String] = []
    }

    private enum Step {
        case send([UInt8])
        case sendError([UInt8])
        case paged([Substring])
        case pause(Duration)
        case reply(Reply.Next, status: Int32)
        case drop
        case deaf
    }

    private enum Mode {
        case editing
        case asking(Question)
        case paging([Substring])
        case running
        case deaf
        case ended
    }

    /// Input kept while a command runs, at most.
    private static let typeAheadLimit = 65_536

    private var cli: any CommandLineInterface
    private let style: TerminalStyle
    private var editor: LineEditor
    private var mode = Mode.running
    private var steps: [Step] = []
    private var typeAhead: [UInt8] = []
    private let isInteractive: Bool
    private let lineEnd: [UInt8]

    /// - Parameters:
    ///   - rows: height of the client's terminal; 0: not known, 24 is taken.
    ///   - isInteractive: `false` for an exec channel: no echo, no prompt, no paging, plain line ends.
    package init(
        personality: Personality,
        user: LoginName,
        rows: Int,
        startsPrivileged: Bool = false,
        isInteractive: Bool = true
    ) {
        cli = personality.commandLine(user: user, startsPrivileged: startsPrivileged)
        style = cli.terminal
        editor = LineEditor(lineFeedReturns: style.lineFeedReturns)
        self.isInteractive = isInteractive
        lineEnd = isInteractive ? [0x0D, 0x0A] : [0x0A]
        if cli.pageLength != 0 { cli.pageLength = isInteractive ? (user.height ?? (rows > 0 ? rows : 24)) : 0 }
    }

    /// The pager's question and what wipes it.
    var pagerQuestion: String { style.pager }
    var pagerErase: String { style.pagerErase }

    /// The session begins: message of the day and first prompt.
    package mutating func open(device: inout DeviceState) -> Output {
        var output = Output()
        output.bytes += Array(style.opening.utf8)
        if !device.messageOfTheDay.isEmpty { append(device.messageOfTheDay + "\n", to: &output) }
        showPrompt(device, &output)
        output.next = .input
        return output
    }

    /// Runs one command and ends: an exec channel.
    package mutating func run(_ command: String, device: inout DeviceState) -> Output {
        var output = Output()
        begin(command, device: &device, output: &output)
        return output
    }

    /// Takes what the client typed.
    package mutating func receive(_ bytes: some Sequence<UInt8>, device: inout DeviceState) -> Output {
        var output = Output()
        for byte in bytes { take(byte, device: &device, output: &output) }
        return output
    }

    /// The pause is over: the command goes on, and then what was typed meanwhile.
    package mutating func pauseEnded(device: inout DeviceState) -> Output {
        var output = Output()
        guard case .running = mode else { return output }
        advance(device: &device, output: &output)
        takeTypeAhead(device: &device, output: &output)
        return output
    }

    // MARK: - Input

    private mutating func take(_ byte: UInt8, device: inout DeviceState, output: inout Output) {
        switch mode {
        case .deaf, .ended: return
        case .running:
            if byte == 0x03, isInteractive {
                steps.removeAll()
                typeAhead.removeAll()
                cli.interrupt()
                append(style.interruptEcho + "\n", to: &output)
                showPrompt(device, &output)
                output.next = .input
            } else if typeAhead.count < Self.typeAheadLimit {
                typeAhead.append(byte)
            }
        case .paging(let lines):
            if editor.isReturnTail(byte) { return }
            output.bytes += Array(style.pagerErase.utf8)
            switch byte {
            case UInt8(ascii: "q"), UInt8(ascii: "Q"), 0x03:
                steps.removeAll { if case .paged = $0 { true } else { false } }
            case 0x0D, 0x0A: showPage(lines, room: 1, &output)
            default: showPage(lines, room: cli.pageLength - 1, &output)
            }
            if case .paging(let rest) = mode, rest.count < lines.count { return }
            mode = .running
            advance(device: &device, output: &output)
            takeTypeAhead(device: &device, output: &output)
        case .asking(let question) where question.input == .key:
            if editor.isReturnTail(byte) { return }
            append("\n", to: &output)
            answer(String(UnicodeScalar(byte)), to: question, device: &device, output: &output)
        case .asking(let question):
            if editor.isReturnTail(byte) { return }
            switch editor.take(byte, echo: question.input == .line, output: &output.bytes) {
            case .line(let text):
                append("\n", to: &output)
                answer(text, to: question, device: &device, output: &output)
            case .interrupt: interruptAtPrompt(device, &output)
            case nil: break
            }
        case .editing:
            if editor.isReturnTail(byte) { return }
            switch editor.take(byte, echo: true, output: &output.bytes) {
            case .line(let text):
                output.bytes += Array(style.afterReturn.utf8)
                begin(text, device: &device, output: &output)
            case .interrupt: interruptAtPrompt(device, &output)
            case nil: break
            }
        }
    }

    private mutating func interruptAtPrompt(_ device: DeviceState, _ output: inout Output) {
        cli.interrupt()
        append(style.interruptEcho + "\n", to: &output)
        showPrompt(device, &output)
    }

    private mutating func takeTypeAhead(device: inout DeviceState, output: inout Output) {
        guard !typeAhead.isEmpty else { return }
        let bytes = typeAhead
        typeAhead.removeAll()
        for byte in bytes { take(byte, device: &device, output: &output) }
    }

    // MARK: - Commands

    private mutating func begin(_ line: String, device: inout DeviceState, output: inout Output) {
        let text = line.trimmingBlanks
        if text.isEmpty, isInteractive {
            showPrompt(device, &output)
            return
        }
        output.executed.append(text)
        mode = .running
        steps = device.responseDelay > .zero ? [.pause(device.responseDelay)] : []
        if let command = LabCommand(text) {
            steps += labSteps(command, device: &device)
        } else {
            queue(cli.execute(text, on: &device))
        }
        advance(device: &device, output: &output)
    }

    private mutating func answer(
        _ text: String,
        to question: Question,
        device: inout DeviceState,
        output: inout Output
    ) {
        mode = .running
        steps = device.responseDelay > .zero ? [.pause(device.responseDelay)] : []
        queue(cli.answer(text, to: question.purpose, on: &device))
        advance(device: &device, output: &output)
    }

    private mutating func queue(_ reply: Reply) {
        let text = isInteractive ? reply.text + reply.errorText : reply.text
        if !isInteractive { steps.append(.sendError(Array(reply.errorText.utf8))) }
        if reply.isPaged, cli.pageLength > 1 {
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            if lines.count >= cli.pageLength {
                steps.append(.paged(lines))
            } else {
                steps.append(.send(encoded(text)))
            }
        } else {
            steps.append(.send(encoded(text)))
        }
        steps.append(.reply(reply.next, status: reply.status))
    }

    private func labSteps(_ command: LabCommand, device: inout DeviceState) -> [Step] {
        let done = Step.reply(.prompt, status: 0)
        switch command {
        case .output(let bytes):
            return [.send(DeterministicText.utf8(bytes, lineEnd: lineEnd) + (bytes == 0 ? [] : lineEnd)), done]
        case .sleep(let milliseconds):
            return [.pause(.milliseconds(milliseconds)), .send(encoded("slept \(milliseconds) ms\n")), done]
        case .promptLike(let milliseconds):
            let lines = PromptLikeText.lines(hostname: device.hostname, prompt: cli.prompt(device))
            let own = cli.prompt(device)
            let tail = "not the end\n"
            if milliseconds == 0 { return [.send(encoded(lines + own + "\n" + tail)), done] }
            return [
                .send(encoded(lines + own)), .pause(.milliseconds(milliseconds)), .send(encoded("\n" + tail)), done,
            ]
        case .silent: return [.deaf]
        case .drop: return [.send(DeterministicText.utf8(2_000, lineEnd: lineEnd)), .drop]
        case .count(let name, let milliseconds, let drops):
            let value = device.count(name)
            if drops { return [.drop] }
            let answer = Step.send(encoded("\(name) = \(value)\n"))
            return milliseconds == 0 ? [answer, done] : [.pause(.milliseconds(milliseconds)), answer, done]
        }
    }

    // MARK: - Output

    /// Takes steps until one of them waits for something.
    private mutating func advance(device: inout DeviceState, output: inout Output) {
        while !steps.isEmpty {
            switch steps.removeFirst() {
            case .send(let bytes): output.bytes += bytes
            case .sendError(let bytes): output.errorBytes += bytes
            case .paged(let lines):
                showPage(lines, room: cli.pageLength - 1, &output)
                if case .paging = mode {
                    output.next = .input
                    return
                }
            case .pause(let duration):
                output.next = .pause(duration)
                return
            case .reply(let next, let status):
                finish(next, status: status, device: device, output: &output)
            case .drop:
                mode = .ended
                output.next = .drop
            case .deaf:
                mode = .deaf
                output.next = .input
            }
        }
    }

    private mutating func finish(_ next: Reply.Next, status: Int32, device: DeviceState, output: inout Output) {
        switch next {
        case .prompt where isInteractive:
            showPrompt(device, &output)
            output.next = .input
        case .ask(let question) where isInteractive:
            output.bytes += encoded(question.text)
            mode = .asking(question)
            output.next = .input
        case .prompt, .close, .ask:
            mode = .ended
            output.next = .close(status: status)
        case .restart:
            mode = .ended
            output.next = .restart
        }
    }

    private mutating func showPage(_ lines: [Substring], room: Int, _ output: inout Output) {
        for line in lines.prefix(room) { output.bytes += encoded(line + "\n") }
        let rest = Array(lines.dropFirst(room))
        if rest.isEmpty {
            mode = .running
        } else {
            output.bytes += Array(style.pager.utf8)
            mode = .paging(rest)
        }
    }

    private mutating func showPrompt(_ device: DeviceState, _ output: inout Output) {
        mode = .editing
        output.bytes += Array(style.beforePrompt.utf8)
        output.bytes += encoded(cli.prompt(device))
    }

    private func append(_ text: String, to output: inout Output) { output.bytes += encoded(text) }

    private func encoded(_ text: some StringProtocol) -> [UInt8] {
        guard isInteractive else { return Array(text.utf8) }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 32)
        for byte in text.utf8 {
            if byte == 0x0A { result.append(0x0D) }
            result.append(byte)
        }
        return result
    }
}

extension String {
    /// Without blanks and tabs at both ends.
    var trimmingBlanks: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}

/// Output of `lab prompt-like`: complete lines that a careless reader takes for a prompt.
enum PromptLikeText {
    static func lines(hostname: String, prompt: String) -> String {
        """
        \(hostname)#
        \(hostname)>
        \(hostname)(config)#
        <\(hostname)>
        [admin@\(hostname)] >
        admin@\(hostname):~$
        interface legend: up#
        Password:
         --More--
        [edit]

        """
    }
}
