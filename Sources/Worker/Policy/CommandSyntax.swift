import Devices
import Dialogue

/// What a policy has to know of how a platform reads a line, so that the same command in other clothes is still the same command.
struct CommandSyntax: Sendable, Hashable {
    /// A word may be cut short as long as it can be told from others. Taken for granted but on shells: which words a device has, nobody knows here.
    var abbreviates: Bool
    /// Upper and lower case are the same.
    var foldsCase: Bool
    /// A shell reads the line: quotes and paths hide words, and a command may begin at any of them (`sudo`, `env`, `xargs`, `sh -c`).
    var isShell: Bool
    /// Words are separated by slashes too, and a command may begin in one line and end in the next (RouterOS: `/system`, then `reboot`).
    var hasMenus: Bool

    /// For a platform that nothing is known of: all that makes a denied command easier to recognise.
    static let unknown = CommandSyntax(abbreviates: true, foldsCase: false, isShell: false, hasMenus: false)

    init(abbreviates: Bool, foldsCase: Bool, isShell: Bool, hasMenus: Bool) {
        self.abbreviates = abbreviates
        self.foldsCase = foldsCase
        self.isShell = isShell
        self.hasMenus = hasMenus
    }

    init(_ platform: PlatformDefinition) {
        self.init(
            abbreviates: platform.transport != .exec,
            foldsCase: Self.caseless.contains(platform.name),
            // VyOS' operational mode is bash.
            isShell: platform.transport == .exec || platform.name == "vyos",
            hasMenus: platform.name == "mikrotik_routeros"
        )
    }

    private static let caseless: Set<String> = [
        "cisco_iosxe", "cisco_iosxr", "cisco_nxos", "arista_eos", "huawei_vrp", "huawei_vrpv8", "hp_comware",
        "aruba_aoscx",
    ]

    /// What ends one command and begins another, or leads its output elsewhere.
    func separates(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "|", ";", ">", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        case "&", "<", "`", "(", ")", "{", "}", "$": self.isShell || (self.hasMenus && scalar != "<")
        case "[", "]": self.hasMenus
        // A device that reads 7 bits takes such a character's bytes for others: a line break among them.
        default: !self.isShell && !scalar.isASCII
        }
    }
}

/// A platform as a policy sees it.
package struct PolicyPlatform: Sendable {
    var name: String
    var syntax: CommandSyntax
    var isReadOnly: @Sendable (String) -> Bool
    /// What the worker itself types for `backup` and `diff`, and to save a configuration.
    var backup: [String]
    var save: [String]

    init(
        name: String, syntax: CommandSyntax, isReadOnly: @escaping @Sendable (String) -> Bool = { _ in false },
        backup: [String] = [], save: [String] = []
    ) {
        self.name = name
        self.syntax = syntax
        self.isReadOnly = isReadOnly
        self.backup = backup
        self.save = save
    }

    /// - Parameter definition: `nil` for a name that no definition has.
    package init(_ name: String, _ definition: PlatformDefinition?) {
        guard let definition else {
            self.init(name: name, syntax: .unknown)
            return
        }
        self.init(
            name: definition.name, syntax: CommandSyntax(definition), isReadOnly: { definition.isReadOnly($0) },
            backup: definition.backup.map(\.command), save: definition.save.map(\.command))
    }
}
