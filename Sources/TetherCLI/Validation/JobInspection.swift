import Jobs

/// One of the things that `tether validate` holds a job against, once it keeps the contract. Each is a file of this folder, and `ValidateCommand` has
/// the list.
protocol JobInspection {
    /// What is wrong with the job, and what is worth telling about it.
    func inspect(_ job: Job, in document: JobDocument) -> JobFindings
}

/// What an inspection has found.
struct JobFindings {
    var problems: [Problem] = []
    /// What would be done on which devices; empty where an inspection has nothing to say about that.
    var plans: [PlatformPlan] = []
    var devices: Int?
    var unknown: [String] = []

    /// The devices of one platform, and what the job is to them.
    struct PlatformPlan: Hashable {
        var platform: String
        var devices: Int
        var effect: Effect
        /// The commands that the platform's list doesn't have: what makes the job a change.
        var changes: [String] = []
    }

    mutating func add(_ other: JobFindings) {
        self.problems += other.problems
        self.plans += other.plans
        self.devices = other.devices ?? self.devices
        self.unknown += other.unknown
    }
}
