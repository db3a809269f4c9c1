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

    /// Whether a topic is Tether's own: never for replies, but for the one that is made for them.
    func isOwn(_ topic: String) -> Bool { topic.hasPrefix("\(self.prefix).") }

    /// Kafka's rule for topic names.
    static func isTopicName(_ text: String) -> Bool {
        (1...249).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
