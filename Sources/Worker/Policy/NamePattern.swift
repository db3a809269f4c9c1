import Devices

/// A name, or a shell-like pattern for names.
package struct NamePattern: Sendable, Hashable, CustomStringConvertible {
    private let text: String
    private let glob: GlobPattern?

    package init(_ text: String) {
        self.text = text
        self.glob = GlobPattern(text)
    }

    package var description: String { self.text }

    package func matches(_ name: String) -> Bool { self.glob?.matches(name) ?? (self.text == name) }
}
