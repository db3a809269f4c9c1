import Jobs

/// Operations, and what results tell of them.
extension SeededGenerator {
    mutating func operation() -> Operation {
        guard self.chance(20) else { return self.chance(5) ? .close : self.step() }
        return .steps(self.list(1...4) { $0.step() })
    }

    private mutating func step() -> Operation {
        switch Int.random(in: 0..<9, using: &self) {
        case 0: .run(self.list(1...4) { $0.fullCommand() })
        case 1: .sequence(.init(self.printable(1...20), commands: self.list(0...3) { $0.fullCommand() }))
        case 2: .configure(self.configure())
        case 3: .upload(.init(self.source(), remotePath: self.printable(1...30), verifies: self.chance(50)))
        case 4:
            .download(
                .init(
                    self.printable(1...30),
                    to: self.chance(50)
                        ? self.destination() : .url("https://h:1/f?\(Int.random(in: 0...9, using: &self))"),
                    verifies: self.chance(50)))
        case 5: .backup(.init(to: self.destination()))
        case 6:
            .diff(
                .init(
                    against: self.chance(50) ? .text("a" + self.document()) : .file(self.printable(1...30)),
                    of: self.maybe { $0.fullCommand() }, ignoring: self.list(0...3) { $0.printable(1...20) }))
        case 7: .check(self.list(1...3) { $0.assertion() })
        default: .probe
        }
    }

    private mutating func configure() -> Operation.Configure {
        if self.chance(10) { return .init(.none, commit: .confirm, timeout: self.maybe { $0.jobDuration() }) }
        let commit: Operation.Configure.Commit = self.pick([
            .permanently, .dryRun, .within(.seconds(90), confirms: true), .within(.seconds(600), confirms: false),
        ])
        let isPermanent = commit == .permanently || commit == .within(.seconds(90), confirms: true)
        return .init(
            self.chance(50) ? .list(self.list(1...5) { $0.command() }) : .text("x\n" + self.document()),
            commit: commit, saving: isPermanent && self.chance(50) ? .onSuccess : .never,
            timeout: self.maybe { $0.jobDuration() }, answers: self.list(0...2) { $0.answer() })
    }

    private mutating func source() -> Operation.Upload.Source {
        switch Int.random(in: 0..<3, using: &self) {
        case 0: .inline(self.bytes(0...60))
        case 1: .file(self.printable(1...30), sha256: self.maybe { $0.sha256() })
        default: .url("http://192.0.2.1/image?signature=x", sha256: self.sha256())
        }
    }

    private mutating func destination() -> Operation.Destination {
        self.chance(50) ? .inline : .file(self.printable(1...30))
    }

    private mutating func assertion() -> Assertion {
        let text = self.printable(1...20)
        return Assertion(
            self.fullCommand(),
            self.pick([
                .contains(text), .doesNotContain(text), .matches(text), .doesNotMatch(text), .equals("a\n" + text),
            ]), name: self.maybe { $0.printable(1...20) })
    }

    private mutating func fullCommand() -> Command {
        Command(
            self.command(), timeout: self.maybe { $0.jobDuration() }, mode: self.maybe { $0.printable(1...20) },
            answers: self.list(0...2) { $0.answer() }, failurePatterns: self.list(0...2) { $0.printable(1...20) },
            endsSession: self.chance(20))
    }

    private mutating func answer() -> Answer {
        Answer(
            self.chance(30)
                ? .credential(self.pick(Answer.CredentialPart.allCases))
                : .text(self.pick(["", "\r", "\u{1B}", "y", self.printable(1...20)])),
            to: self.printable(1...20), pressesReturn: self.chance(50), repeats: self.chance(50))
    }

    private mutating func document() -> String {
        String(String.UnicodeScalarView(self.text(0...100).unicodeScalars.filter { $0.value != 0 }))
    }

    mutating func sha256() -> String {
        String((0..<64).map { _ in self.pick(Array("0123456789abcdef")) })
    }

    // MARK: Results

    mutating func detail() -> OperationDetail {
        self.chance(80)
            ? self.stepDetail()
            : .steps(
                self.list(0...4) { generator in
                    StepOutcome(
                        type: generator.pick(["run", "backup"]), outcome: generator.pick(Outcome.allCases),
                        error: generator.maybe { $0.error() }, firstCommand: .random(in: 0...9, using: &generator),
                        commandCount: .random(in: 0...9, using: &generator), detail: generator.maybe { $0.stepDetail() }
                    )
                })
    }

    private mutating func stepDetail() -> OperationDetail {
        switch Int.random(in: 0..<6, using: &self) {
        case 0:
            .configure(
                ConfigureDetail(
                    state: self.pick(ConfigureDetail.State.allCases), lines: .random(in: 0...9, using: &self),
                    diff: self.maybe { $0.text(0...50) },
                    failedLine: self.maybe { .init(index: .random(in: 0...9, using: &$0), line: $0.command()) },
                    isSaved: self.chance(50)))
        case 1: .upload(self.transfer())
        case 2: .download(self.transfer())
        case 3:
            .backup(
                BackupDetail(
                    platform: self.printable(1...20), takenAt: .random(in: 0...253_402_300_799_999, using: &self),
                    size: .random(in: 0 ... .max, using: &self), sha256: self.sha256(),
                    file: self.maybe { $0.printable(1...20) }))
        case 4:
            .diff(
                DiffDetail(
                    unified: self.text(0...80), isCut: self.chance(20), removed: .random(in: 0...9, using: &self),
                    added: .random(in: 0...9, using: &self)))
        default:
            .check(
                CheckDetail(
                    self.list(0...3) { generator in
                        .init(
                            name: generator.maybe { $0.printable(1...20) }, command: generator.command(),
                            failure: generator.maybe { $0.text(0...50) })
                    }))
        }
    }

    private mutating func transfer() -> TransferDetail {
        TransferDetail(
            remotePath: self.printable(1...20), size: .random(in: 0 ... .max, using: &self), sha256: self.sha256(),
            isAtomic: self.chance(50),
            verification: self.chance(50)
                ? .hash(algorithm: "md5", digits: self.sha256()) : .size(reason: self.text(0...30)),
            file: self.maybe { $0.printable(1...20) }, wasPut: self.chance(50),
            command: self.maybe { .random(in: 0...9, using: &$0) })
    }
}
