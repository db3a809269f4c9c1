/// Which vendor's command line a simulated device speaks. The raw values are the platform names of inventories.
package enum Personality: String, Sendable, CaseIterable {
    case ciscoIOSXE = "cisco_iosxe"
    case aristaEOS = "arista_eos"
    case juniperJunos = "juniper_junos"
    case mikrotikRouterOS = "mikrotik_routeros"
    case linux

    /// A command line in the state that a login of `user` begins in.
    func commandLine(user: LoginName, startsPrivileged: Bool) -> any CommandLineInterface {
        switch self {
        case .ciscoIOSXE: IndustryStandardCommandLine(dialect: .ciscoIOSXE, startsPrivileged: startsPrivileged)
        case .aristaEOS: IndustryStandardCommandLine(dialect: .aristaEOS, startsPrivileged: startsPrivileged)
        case .juniperJunos: JunosCommandLine(user: user.name)
        case .mikrotikRouterOS: RouterOSCommandLine(login: user)
        case .linux: LinuxShell(user: user.name)
        }
    }
}

/// A login name, with RouterOS's console options (`admin+ct511w4098h`) taken off.
package struct LoginName: Sendable, Hashable {
    /// The account.
    package var name: String
    /// Options after `+`: `c` no colours, `t` no terminal detection, `e` dumb terminal, `NNNw` and `NNNh` the size.
    package var consoleOptions: String

    /// - Parameter acceptsOptions: whether the device understands the suffix; otherwise `+` belongs to the name.
    package init(_ text: String, acceptsOptions: Bool) {
        if acceptsOptions, let plus = text.lastIndex(of: "+") {
            name = String(text[..<plus])
            consoleOptions = String(text[text.index(after: plus)...])
        } else {
            name = text
            consoleOptions = ""
        }
    }

    /// The height from the options.
    var height: Int? {
        var digits = ""
        for character in consoleOptions {
            if character.isNumber {
                digits.append(character)
            } else {
                if character == "h" { return Int(digits) }
                digits = ""
            }
        }
        return nil
    }
}
