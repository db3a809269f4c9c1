/// A command that a platform's definition foresees for some purpose, with its mode and the answers to its questions.
package struct CommandStep: Sendable {
    /// What takes the place of `{…}` in a step's command.
    package enum Placeholder: String, Sendable, CaseIterable {
        /// Path of a file on the device.
        case path
        /// A time in whole minutes, in seconds, and as hh:mm:ss.
        case minutes, seconds, time
    }

    /// The command as the definition has it, maybe with placeholders.
    package let command: String
    /// The mode to run it in; `nil`: the one that the procedure is in.
    package let mode: String?
    package let answers: [Answer]

    /// The command for a file on the device.
    package func command(path: String) -> String {
        self.command.replacing("{path}", with: path)
    }

    /// The command for a time, of which some platforms want whole minutes: those are rounded up.
    package func command(within duration: Duration) -> String {
        let seconds = max(duration.components.seconds, 1)
        let clock = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map {
            $0 < 10 ? "0\($0)" : "\($0)"
        }
        return self.command
            .replacing("{minutes}", with: "\(seconds / 60 + (seconds % 60 > 0 ? 1 : 0))")
            .replacing("{seconds}", with: "\(seconds)")
            .replacing("{time}", with: clock.joined(separator: ":"))
    }
}
