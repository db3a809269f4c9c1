import Crypto

/// The entries of a `known_hosts` file, by name. Value type, no I/O.
struct KnownHostsIndex: Sendable {
    /// What is kept of a key: its type, and the hash that stands for it.
    struct Entry: Sendable, Hashable {
        let algorithm: String
        let digest: SHA256Digest
        let isRevoked: Bool
        /// From 1; `nil` when learned.
        let line: Int?
    }

    private struct HashedEntry: Sendable {
        let salt: [UInt8]
        let hash: [UInt8]
        let entry: Entry
    }

    private struct PatternEntry: Sendable {
        let patterns: [HostPattern]
        let entry: Entry
    }

    private var exact: [String: [Entry]] = [:]
    private var hashed: [HashedEntry] = []
    private var patterned: [PatternEntry] = []
    /// Key types are few and their names repeat on every line.
    private var algorithmNames: [String: String] = [:]
    /// Answers of the search through hashed entries, which costs an HMAC for each.
    private var hashedMatches: [String: [Entry]] = [:]
    private static let maximumHashedMatches = 65_536

    private(set) var brokenLines = 0
    private(set) var certificateAuthorities = 0
    private(set) var count = 0

    init() {}

    /// Takes in a whole file.
    init(text: String) {
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            switch KnownHostsLine.parse(line) {
            case .empty: break
            case .broken: self.brokenLines += 1
            case .certificateAuthority: self.certificateAuthorities += 1
            case .entry(let parsed): self.insert(parsed, line: number)
            }
        }
    }

    mutating func insert(_ line: KnownHostsLine, line number: Int?) {
        let algorithm = self.algorithmNames[line.key.algorithm] ?? line.key.algorithm
        self.algorithmNames[algorithm] = algorithm
        let entry = Entry(
            algorithm: algorithm, digest: SHA256.hash(data: line.key.blob), isRevoked: line.isRevoked, line: number)
        self.count += 1
        switch line.hosts {
        case .names(let names):
            for name in names { self.exact[name, default: []].append(entry) }
        case .patterns(let patterns):
            self.patterned.append(PatternEntry(patterns: patterns, entry: entry))
        case .hashed(let salt, let hash):
            self.hashed.append(HashedEntry(salt: salt, hash: hash, entry: entry))
            self.hashedMatches = [:]
        }
    }

    /// All entries for a name as it is written in the file (`host`, or `[host]:port`).
    mutating func entries(for name: String) -> [Entry] {
        var found = self.exact[name] ?? []
        for candidate in self.patterned where HostPattern.list(candidate.patterns, matches: name) {
            found.append(candidate.entry)
        }
        if !self.hashed.isEmpty { found += self.hashedEntries(for: name) }
        return found
    }

    private mutating func hashedEntries(for name: String) -> [Entry] {
        if let known = self.hashedMatches[name] { return known }
        let found = self.hashed.filter { KnownHostsLine.hash(name, salt: $0.salt, equals: $0.hash) }.map(\.entry)
        if self.hashedMatches.count >= Self.maximumHashedMatches { self.hashedMatches = [:] }
        self.hashedMatches[name] = found
        return found
    }
}
