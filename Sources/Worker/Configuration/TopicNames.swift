/// The names of Tether's own topics: a prefix, and what they hold.
package struct TopicNames: Sendable, Hashable {
    package let prefix: String

    package init(prefix: String = "tether") {
        self.prefix = prefix
    }

    package var jobs: String { "\(self.prefix).jobs" }
    package var tasks: String { "\(self.prefix).tasks" }
    /// Replies of jobs that name no `reply_to`.
    package var results: String { "\(self.prefix).results" }
    /// What the collector counts by.
    package var progress: String { "\(self.prefix).progress" }
    /// Cancellations, and orders to close sessions and to drain.
    package var control: String { "\(self.prefix).control" }
    /// What happens to devices' sessions.
    package var events: String { "\(self.prefix).events" }
    package var deadLetters: String { "\(self.prefix).dead-letters" }

    package var all: [String] {
        [self.jobs, self.tasks, self.results, self.progress, self.control, self.events, self.deadLetters]
    }

    /// Whether a job may ask for its replies there: never among the records that workers act on.
    package func mayReceiveReplies(_ topic: String) -> Bool {
        topic == self.results || !topic.hasPrefix("\(self.prefix).")
    }
}
