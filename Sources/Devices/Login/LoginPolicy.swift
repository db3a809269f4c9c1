/// How often and how many logins are tried. All defaults are in the initialiser.
public struct LoginPolicy: Sendable, Hashable {
    /// Bounds of one `auth_domain`: of the authentication servers behind it.
    public struct Domain: Sendable, Hashable {
        /// Logins under way at a time.
        public var maximumLogins: Int?
        /// Logins begun in a second.
        public var loginsPerSecond: Double?

        public init(maximumLogins: Int? = nil, loginsPerSecond: Double? = nil) {
            self.maximumLogins = maximumLogins
            self.loginsPerSecond = loginsPerSecond
        }
    }

    /// Logins under way at a time in the whole process. A device that doesn't answer holds one for as long as its time-outs last.
    public var maximumLogins: Int
    /// Failures in a row after which a device is left alone for a while.
    public var failuresToPause: Int
    /// The first pause; each further failure doubles it, up to `maximumPause`. By chance it is up to half shorter.
    public var pause: Duration
    public var maximumPause: Duration
    /// Refusals in a row after which a credential isn't tried any more for the time of `lockPause`: below the number at which authentication
    /// servers commonly lock an account.
    public var refusalsToLock: Int
    public var lockPause: Duration

    public init(
        maximumLogins: Int = 1_000,
        failuresToPause: Int = 5,
        pause: Duration = .seconds(2),
        maximumPause: Duration = .seconds(120),
        refusalsToLock: Int = 3,
        lockPause: Duration = .seconds(300)
    ) {
        self.maximumLogins = maximumLogins
        self.failuresToPause = failuresToPause
        self.pause = pause
        self.maximumPause = maximumPause
        self.refusalsToLock = refusalsToLock
        self.lockPause = lockPause
    }
}
