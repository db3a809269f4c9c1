extension Operation {
    /// No sequence has this name on the platform that was asked for.
    package struct MissingSequence: Error {
        package var name: String
    }

    /// With the commands of every sequence, also within steps.
    /// - Parameter commands: what a sequence's name stands for; `nil` where it stands for nothing.
    package func withSequences(_ commands: (_ name: String) -> [String]?) throws(MissingSequence) -> Operation {
        switch self {
        case .sequence(let sequence):
            guard let texts = commands(sequence.name) else { throw MissingSequence(name: sequence.name) }
            return .sequence(.init(sequence.name, commands: texts.map { Command($0) }))
        case .steps(let steps):
            var resolved: [Operation] = []
            for step in steps { resolved.append(try step.withSequences(commands)) }
            return .steps(resolved)
        case .run, .configure, .upload, .download, .backup, .diff, .check, .probe, .close: return self
        }
    }
}
