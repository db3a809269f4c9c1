/// What is particular about a platform's CLI, as read from its YAML file.
package struct PlatformDefinition: Sendable {
    package let name: String
    /// How commands are run: over a prompt in a terminal, or each on an exec channel that tells an exit status.
    package let transport: Transport
    package enum Transport: String, Sendable { case terminal, exec }

    /// The terminal to ask for.
    package let terminal: Terminal
    package struct Terminal: Sendable, Hashable {
        package var type: String
        package var columns: Int
        package var rows: Int
    }

    /// Appended to the user name at login (RouterOS: `+ct511w4098h`).
    package let usernameSuffix: String

    /// Whether a command only reads, by the platform's list of read-only patterns: the whole line is one read-only command
    /// (a pipe to a filter is allowed where the platform's pattern says so; line breaks and command separators never are).
    package func isReadOnly(_ command: String) -> Bool { fatalError("stub") }

    package init(yaml: String) throws(PlatformError) { fatalError("stub") }
}

package struct PlatformError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String
    package init(message: String) { self.message = message }
    package var description: String { self.message }
}

/// The platforms that Tether ships, and a user's own on top.
package struct PlatformLibrary: Sendable {
    /// Loads the shipped definitions; those in `directory` (one YAML file a platform) are added, or override by name.
    package init(directory: String? = nil) throws(PlatformError) { fatalError("stub") }
    /// By name or alias (`cisco_ios` for `cisco_iosxe`, `mikrotik` for `mikrotik_routeros`, …).
    package func platform(named name: String) -> PlatformDefinition? { fatalError("stub") }
    package var names: [String] { fatalError("stub") }
}
