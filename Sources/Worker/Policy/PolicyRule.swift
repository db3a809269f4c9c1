import Dialogue
import Jobs

/// A rule of a policy. All that it says has to hold; of each list, one entry is enough. What it doesn't say, holds.
struct PolicyRule: Sendable {
    enum Kind: String, Sendable {
        case allow, deny
    }

    var kind: Kind
    var name: String
    /// `nil`: for `allow` every device of the inventory, for `deny` any device at all.
    var targets: [TargetSelector]?
    /// By the definitions' own names.
    var platforms: Set<String>?
    var operations: Set<String>?
    /// What the commands are by the platform's list, whatever the job says of itself.
    var effect: Effect?
    var credentials: [CredentialSelector]?
    var phrases: [CommandPhrase] = []
    var patterns: [Pattern] = []
    /// What may be answered to a device's questions, besides what may be typed anyway.
    var answers: [Pattern] = []

    /// What a job wants to log in with.
    enum Credential: Sendable, Hashable {
        /// The device's own.
        case none
        /// An entry of the worker's credential store.
        case named(String)
        /// It comes with the job.
        case sealed

        init(_ credential: JobCredential?) {
            switch credential {
            case nil: self = .none
            case .named(let name): self = .named(name)
            case .sealed: self = .sealed
            }
        }
    }

    enum CredentialSelector: Sendable, Hashable {
        case none
        case sealed
        case named(NamePattern)

        init(_ text: String) {
            switch text {
            case "none": self = .none
            case "sealed": self = .sealed
            default: self = .named(NamePattern(text))
            }
        }

        func matches(_ credential: Credential) -> Bool {
            switch (self, credential) {
            case (.none, .none), (.sealed, .sealed): true
            case (.named(let pattern), .named(let name)): pattern.matches(name)
            default: false
            }
        }
    }

    func concerns(_ target: PolicyTarget) -> Bool {
        guard let targets = self.targets else { return self.kind == .deny || target.isInInventory }
        return targets.contains { $0.matches(target) }
    }

    /// Whether the rule is about this part of a job, on some device of the platform.
    func concerns(_ part: PolicyPart, on platform: PolicyPlatform, _ credential: Credential) -> Bool {
        if let platforms = self.platforms, !platforms.contains(platform.name) { return false }
        if let operations = self.operations, !operations.contains(part.operation) { return false }
        if let effect = self.effect, part.effect != effect { return false }
        if let credentials = self.credentials, !credentials.contains(where: { $0.matches(credential) }) { return false }
        return switch self.kind {
        case .allow: self.covers(part.content, platform)
        case .deny: self.catches(part.content, platform.syntax)
        }
    }

    private var limitsLines: Bool { !self.phrases.isEmpty || !self.patterns.isEmpty }

    // MARK: Deny

    private func catches(_ content: PolicyPart.Content, _ syntax: CommandSyntax) -> Bool {
        guard self.limitsLines || !self.answers.isEmpty else { return true }
        switch content {
        case .nothing: return false
        case .line(let line), .typed(let line): return self.catches(line, syntax)
        case .answer(let line):
            return self.catches(line, syntax) || self.answers.contains { Self.isHit($0.firstMatch(in: line.bytes)) }
        }
    }

    private func catches(_ line: EffectiveLine, _ syntax: CommandSyntax) -> Bool {
        guard self.limitsLines else { return false }
        if line.isInDoubt { return true }
        let matching = CommandPhrase.Matching(
            reading: syntax.isShell ? .words : syntax.hasMenus ? .menus : .command, abbreviates: syntax.abbreviates,
            foldsCase: true, ignoresFolders: syntax.isShell,
            isAnywhere: syntax.isShell || syntax.hasMenus)
        for phrase in self.phrases where line.readings.contains(where: { phrase.matches($0, matching) }) { return true }
        guard !self.patterns.isEmpty else { return false }
        let texts = [line.text] + line.parts + line.readings.map { $0.joined(separator: " ") }
        return Set(texts).contains { text in
            let bytes = Array(text.utf8)
            return self.patterns.contains { Self.isHit($0.firstMatch(in: bytes)) }
        }
    }

    /// A pattern that runs away has not shown that the text is harmless.
    private static func isHit(_ outcome: Pattern.Outcome) -> Bool { outcome != .noMatch }

    // MARK: Allow

    private func covers(_ content: PolicyPart.Content, _ platform: PolicyPlatform) -> Bool {
        switch content {
        case .nothing: return !self.limitsLines
        // Typed by the worker as part of an operation: allowed with it.
        case .typed: return true
        case .line(let line): return !self.limitsLines || self.covers(line, platform)
        case .answer(let line):
            guard self.limitsLines || !self.answers.isEmpty else { return true }
            if line.text.isEmpty { return true }
            return self.answers.contains { $0.matches(line.bytes) } || (self.limitsLines && self.covers(line, platform))
        }
    }

    private func covers(_ line: EffectiveLine, _ platform: PolicyPlatform) -> Bool {
        guard !line.isInDoubt, let first = line.parts.first, self.coversPart(first, platform) else { return false }
        // What only filters may follow a command that is allowed.
        return line.parts.dropFirst().allSatisfy { self.coversPart($0, platform) } || platform.isReadOnly(line.raw)
    }

    private func coversPart(_ part: String, _ platform: PolicyPlatform) -> Bool {
        let words = part.split(separator: " ").map(String.init)
        let matching = CommandPhrase.Matching(foldsCase: platform.syntax.foldsCase)
        if self.phrases.contains(where: { $0.matches(words, matching) }) { return true }
        guard !self.patterns.isEmpty else { return false }
        let bytes = Array(part.utf8)
        return self.patterns.contains { $0.matches(bytes) }
    }
}

extension EffectiveLine {
    fileprivate var bytes: [UInt8] { Array(self.text.utf8) }
}
