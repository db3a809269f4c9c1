/// A shell-like pattern for device names: `*` (any number of characters), `?` (one), `[a-c]`, `[!a-c]` (one of, one not of).
package struct GlobPattern: Sendable, Hashable {
    fileprivate enum Token: Sendable, Hashable {
        case literal(Unicode.Scalar)
        case one
        case any
        case set([ClosedRange<Unicode.Scalar>], negated: Bool)
    }
    private let tokens: [Token]
    /// What every match begins with, literally: rules out most names without looking further.
    private let prefix: [UInt8]

    /// `nil` when the text has no pattern characters, or a bracket that isn't closed.
    package init?(_ text: some StringProtocol) {
        let scalars = Array(text.unicodeScalars)
        guard scalars.contains(where: { $0 == "*" || $0 == "?" || $0 == "[" }) else { return nil }
        var tokens: [Token] = []
        var index = 0
        while index < scalars.count {
            switch scalars[index] {
            case "*": if tokens.last != .any { tokens.append(.any) }
            case "?": tokens.append(.one)
            case "[":
                guard let (set, end) = Self.set(scalars, from: index + 1) else { return nil }
                tokens.append(set)
                index = end
            case let scalar: tokens.append(.literal(scalar))
            }
            index += 1
        }
        self.tokens = tokens
        self.prefix = tokens.prefix { if case .literal = $0 { true } else { false } }.flatMap { token -> [UInt8] in
            if case .literal(let scalar) = token { Array(String(scalar).utf8) } else { [] }
        }
    }

    /// Reads a bracket expression from behind its `[`; returns the position of its `]`.
    private static func set(_ scalars: [Unicode.Scalar], from start: Int) -> (Token, end: Int)? {
        var index = start
        let negated = index < scalars.count && (scalars[index] == "!" || scalars[index] == "^")
        if negated { index += 1 }
        let first = index
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while index < scalars.count {
            // A bracket right at the start is one of the set (POSIX.2 §2.13.1).
            if scalars[index] == "]", index > first { return (.set(ranges, negated: negated), index) }
            if index + 2 < scalars.count, scalars[index + 1] == "-", scalars[index + 2] != "]" {
                guard scalars[index] <= scalars[index + 2] else { return nil }
                ranges.append(scalars[index]...scalars[index + 2])
                index += 3
            } else {
                ranges.append(scalars[index]...scalars[index])
                index += 1
            }
        }
        return nil
    }

    /// Time is bounded by the product of both lengths: only the latest `*` is ever gone back to.
    package func matches(_ name: String) -> Bool {
        guard name.utf8.starts(with: self.prefix) else { return false }
        let scalars = name.unicodeScalars
        var position = scalars.startIndex
        var token = 0
        var retry: (token: Int, position: String.Index)?
        while position < scalars.endIndex {
            if token < self.tokens.count {
                if self.tokens[token] == .any {
                    retry = (token + 1, position)
                    token += 1
                    continue
                }
                if self.tokens[token].accepts(scalars[position]) {
                    token += 1
                    position = scalars.index(after: position)
                    continue
                }
            }
            guard let (start, reached) = retry else { return false }
            position = scalars.index(after: reached)
            token = start
            retry = (start, position)
        }
        return self.tokens[token...].allSatisfy { $0 == .any }
    }
}

extension GlobPattern.Token {
    fileprivate func accepts(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .literal(let expected): scalar == expected
        case .one, .any: true
        case .set(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
        }
    }
}
