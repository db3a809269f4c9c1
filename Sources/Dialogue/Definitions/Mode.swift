/// A mode of a CLI (exec, privileged exec, configuration, …): a node of the platform's mode graph.
struct Mode: Sendable {
    let name: String
    let prompt: Prompt
    /// Texts that a prompt of this mode never holds.
    let excludes: [[UInt8]]
    /// The modes that lead on from here, and what to do to get there.
    let edges: [Edge]

    enum Prompt: Sendable {
        case exact([UInt8])
        case pattern(Pattern)
    }

    struct Edge: Sendable {
        let target: String
        let instructions: [Instruction]
    }
}
