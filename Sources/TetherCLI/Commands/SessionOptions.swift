import ArgumentParser
import Devices

/// How long sessions live, how many there are, and how they are logged in to.
struct SessionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Close sessions that nobody has used for so long; never those of `warm` devices.", valueName: "time|never"))
    var idleTimeout = Bound(.seconds(3600))

    @Option(
        help: ArgumentHelp(
            "Close sessions that have been open for so long as soon as nothing runs on them, by chance up to a tenth earlier; `warm` ones are then opened anew.",
            valueName: "time|never"))
    var maxSessionAge = Bound(.seconds(24 * 3600))

    @Option(
        help:
            "Open sessions at most; past it the one unused for longest is closed. Each takes a file descriptor and about 70 KB."
    )
    var maxSessions = 10_000

    @Option(
        help:
            "Logins under way at a time in this worker. Bounds for one authentication service stand in the inventory: `auth_domains`."
    )
    var maxLogins = LoginPolicy().maximumLogins

    @Option(
        help:
            "Refusals of a credential in a row after which it isn't tried for a while: fewer than lock the account on the authentication server."
    )
    var refusalsToLock = LoginPolicy().refusalsToLock

    @Option(help: "For how long a refused credential isn't tried.")
    var lockPause = TimeSpan(LoginPolicy().lockPause)

    func validate() throws {
        guard self.maxSessions > 0, self.maxLogins > 0, self.refusalsToLock > 0 else {
            throw ValidationError("--max-sessions, --max-logins and --refusals-to-lock must be at least 1.")
        }
    }

    var loginPolicy: LoginPolicy {
        LoginPolicy(
            maximumLogins: self.maxLogins, refusalsToLock: self.refusalsToLock, lockPause: self.lockPause.duration)
    }

    /// A time span, or `never`.
    struct Bound: ExpressibleByArgument, CustomStringConvertible {
        var duration: Duration?

        var description: String { self.duration.map { TimeSpan($0).description } ?? "never" }

        init(_ duration: Duration?) {
            self.duration = duration
        }

        init?(argument: String) {
            let span = TimeSpan(argument: argument)
            guard span != nil || argument == "never" else { return nil }
            self.init(span?.duration)
        }
    }
}
