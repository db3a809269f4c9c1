/// One device with work, for people who look at a process.
package struct LaneStatus: Sendable, Hashable {
    package struct Running: Sendable, Hashable {
        package var job: String
        package var operation: String
        /// Since it began to run, the wait for the session included.
        package var age: Duration
        /// Until its deadline; negative past it.
        package var left: Duration

        package init(job: String, operation: String, age: Duration, left: Duration) {
            self.job = job
            self.operation = operation
            self.age = age
            self.left = left
        }
    }

    package var device: String
    package var waiting: Int
    package var running: Running?

    package init(device: String, waiting: Int, running: Running? = nil) {
        self.device = device
        self.waiting = waiting
        self.running = running
    }
}
