/// What a device is and remembers, whoever is logged in: shared by all its sessions.
package struct DeviceState: Sendable {
    /// Name in the prompt; `hostname` and its relatives change it.
    package var hostname: String
    /// Secret of the privileged mode. `nil`: the device asks for none.
    package var enableSecret: String?
    /// Pause between a command and its answer.
    package var responseDelay: Duration
    /// Text before the first prompt.
    package var messageOfTheDay: String
    /// Counters of `lab count NAME`.
    package var counters: [String: Int] = [:]
    /// The active configuration.
    package var configuration: Configuration
    /// The configuration that a restart brings back.
    package var savedConfiguration: Configuration
    /// Time of the last start.
    package var bootedAt: Timestamp
    /// The time now, brought up to date by whoever feeds the console.
    package var now: Timestamp

    package init(
        hostname: String,
        enableSecret: String? = nil,
        responseDelay: Duration = .zero,
        messageOfTheDay: String = "",
        configuration: Configuration = Configuration(),
        now: Timestamp = Timestamp(nanoseconds: 1_800_000_000_000_000_000)
    ) {
        self.hostname = hostname
        self.enableSecret = enableSecret
        self.responseDelay = responseDelay
        self.messageOfTheDay = messageOfTheDay
        self.configuration = configuration
        self.savedConfiguration = configuration
        self.bootedAt = now
        self.now = now
    }

    /// Minutes since the last start.
    var uptimeMinutes: Int { Int((now.nanoseconds - bootedAt.nanoseconds) / 60_000_000_000) }

    /// Counts one execution of the change `name`.
    mutating func count(_ name: String) -> Int {
        counters[name, default: 0] += 1
        return counters[name, default: 0]
    }

    /// What power-cycling does: unsaved configuration is gone.
    mutating func restart() {
        configuration = savedConfiguration
        bootedAt = now
    }
}
