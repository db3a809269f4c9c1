import Foundation

/// The lines of an OpenSSH client configuration (ssh_config(5)), with those of included files where they are included.
struct SSHConfigFile {
    struct Line {
        /// In lower case.
        var keyword: String
        var arguments: [String]
        var place: InventoryPlace
        /// The `Host` patterns that must hold, from the outermost file inwards; `nil` below a `Match`, which nobody here can decide.
        var conditions: [[String]]?
    }

    private(set) var lines: [Line] = []
    /// What can't be followed.
    private(set) var warnings: [InventoryWarning] = []
    /// Names in `Host` lines that aren't patterns, in order, each once, with their places.
    private(set) var names: [(name: String, place: InventoryPlace)] = []
    private var known = Set<String>()

    private static let maximumDepth = 16

    /// - Throws: for a file that can't be read, or lines that aren't such a configuration; all of them.
    init(path: String) throws(InventoryError) {
        var mistakes = InventoryMistakes()
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw InventoryError(file: path, message: "the file can't be read")
        }
        self.read(text, file: path, base: Self.base(of: path), below: [], depth: 0, &mistakes)
        if let error = mistakes.error { throw error }
    }

    /// Relative names in `Include` are relative to `~/.ssh`, in the system's file to `/etc/ssh`.
    private static func base(of path: String) -> String {
        path.hasPrefix("/etc/ssh/") ? "/etc/ssh/" : NSString(string: "~/.ssh/").expandingTildeInPath + "/"
    }

    private mutating func read(
        _ text: String, file: String, base: String, below outer: [[String]]?, depth: Int,
        _ mistakes: inout InventoryMistakes
    ) {
        var conditions: [[String]]? = outer
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let place = InventoryPlace(file: file, line: index + 1)
            guard let words = Self.words(line) else {
                mistakes.add(InventoryError(place, "", "a quote that is never closed"))
                continue
            }
            guard let first = words.first else { continue }
            let keyword = first.lowercased()
            let arguments = Array(words.dropFirst())
            guard !arguments.isEmpty else {
                mistakes.add(InventoryError(place, "", "\(quoted(first)) has no value"))
                continue
            }
            switch keyword {
            case "host":
                conditions = outer.map { $0 + [arguments] }
                guard outer != nil else { continue }
                for name in arguments where !name.contains(where: { $0 == "*" || $0 == "?" || $0 == "!" }) {
                    if self.known.insert(name).inserted { self.names.append((name, place)) }
                }
            case "match":
                if arguments.map({ $0.lowercased() }) == ["all"] {
                    conditions = outer
                } else {
                    self.warnings.append(
                        InventoryWarning(
                            place, "`Match \(arguments.joined(separator: " "))` isn't taken, nor what stands below it"))
                    conditions = nil
                }
            case "include":
                guard let conditions else { continue }
                guard depth < Self.maximumDepth else {
                    mistakes.add(
                        InventoryError(place, "", "files include each other more than \(Self.maximumDepth) deep"))
                    continue
                }
                for pattern in arguments {
                    let files = Self.files(pattern, base: base)
                    if files.isEmpty {
                        self.warnings.append(InventoryWarning(place, "`Include \(pattern)` names no file"))
                    }
                    for path in files {
                        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                            self.warnings.append(InventoryWarning(place, "\(quoted(path)) can't be read"))
                            continue
                        }
                        self.read(text, file: path, base: base, below: conditions, depth: depth + 1, &mistakes)
                    }
                }
            default:
                self.lines.append(Line(keyword: keyword, arguments: arguments, place: place, conditions: conditions))
            }
        }
    }

    /// The words of a line: separated by blanks and one optional `=` behind the keyword, quotes around words with blanks, nothing behind `#`.
    ///
    /// - Returns: `nil` for a quote that isn't closed.
    static func words(_ line: Substring) -> [String]? {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        for character in line {
            if isQuoted {
                if character == "\"" { isQuoted = false } else { word?.append(character) }
            } else if character == "\"" {
                isQuoted = true
                word = word ?? ""
            } else if character == "#", word == nil {
                break
            } else if character == " " || character == "\t" || (character == "=" && words.isEmpty) {
                if let whole = word { words.append(whole) }
                word = nil
            } else if character == "=", words.count == 1, word == nil {
                continue
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard !isQuoted else { return nil }
        if let word { words.append(word) }
        return words
    }

    /// The files that a name with shell patterns in its last part stands for.
    private static func files(_ pattern: String, base: String) -> [String] {
        var path = NSString(string: pattern).expandingTildeInPath
        if !path.hasPrefix("/") { path = base + path }
        guard let slash = path.lastIndex(of: "/"), let glob = GlobPattern(path[path.index(after: slash)...]) else {
            return FileManager.default.fileExists(atPath: path) ? [path] : []
        }
        let folder = String(path[...slash])
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { !$0.hasPrefix(".") && glob.matches($0) }.sorted().map { folder + $0 }
    }
}

extension SSHConfigFile.Line {
    /// Whether the line counts for a host, as it is called on ssh's command line.
    func holds(for name: String) -> Bool {
        self.conditions?.allSatisfy { Self.matches(name, $0) } ?? false
    }

    /// ssh_config(5), PATTERNS: one pattern must match, and none of those behind `!`.
    private static func matches(_ name: String, _ patterns: [String]) -> Bool {
        var isMatched = false
        for pattern in patterns {
            let isNegated = pattern.hasPrefix("!")
            let text = isNegated ? String(pattern.dropFirst()) : pattern
            guard GlobPattern(text)?.matches(name) ?? (text == name) else { continue }
            if isNegated { return false }
            isMatched = true
        }
        return isMatched
    }
}
