/// How a platform is configured: `DialogueMachine.enterMode` with `mode`, then the lines as commands, and then, in the same session, the steps
/// below. A step may leave the mode; which one the device is in after it, its prompt tells.
package struct ConfigurationProcedure: Sendable {
    /// The mode that configuration lines are typed in.
    package let mode: String
    /// Make the lines take effect. Empty: each took effect when it was typed.
    package let commit: [CommandStep]
    /// Make the lines take effect for a time (`CommandStep.command(within:)`), after which the device takes them back unless `confirm` comes.
    /// Empty: the platform can't, or only in a way that needs more than a command.
    package let commitConfirmed: [CommandStep]
    package let confirm: [CommandStep]
    /// Throw away what was typed and isn't committed. Empty: there is no way back.
    package let abort: [CommandStep]
    /// Show what a commit would change.
    package let diff: [CommandStep]
    /// Lines that a text of several lines belongs to.
    package let texts: [MultiLineText]

    /// Whether each line takes effect when it is typed.
    package var isLive: Bool { self.commit.isEmpty }
}
