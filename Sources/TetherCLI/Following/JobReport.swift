import Jobs
import NIOConcurrencyHelpers

/// What is done with the replies of one job: they are counted, shown and saved, and summed up at the end.
///
/// Safe to use from any thread; replies are taken one at a time.
final class JobReport: Sendable {
    private struct State {
        var tally: JobTally
        var printer: ReplyPrinter
    }

    private let state: NIOLockedValueBox<State>
    private let folder: NIOLockedValueBox<FolderBox>
    private let display: LiveDisplay
    private let isQuiet: Bool

    /// Confined to the lock around it.
    private struct FolderBox: @unchecked Sendable {
        // @unchecked: the folder is used under the lock only, and by nobody else.
        var folder: ResultFolder?
    }

    /// - Parameters:
    ///   - printer: how replies look.
    ///   - isQuiet: no summary: what is printed is for a program.
    init(
        job: String, printer: ReplyPrinter, folder: sending ResultFolder? = nil, showsProgress: Bool, isQuiet: Bool
    ) {
        self.state = NIOLockedValueBox(State(tally: JobTally(job: job), printer: printer))
        self.folder = NIOLockedValueBox(FolderBox(folder: folder))
        self.display = LiveDisplay(showsProgress: showsProgress)
        self.isQuiet = isQuiet
    }

    var tally: JobTally { self.state.withLockedValue { $0.tally } }
    var showsProgress: Bool { self.display.showsProgress }

    /// - Parameter record: the reply as it was received.
    /// - Throws: ``CommandFailure`` when the result can't be saved.
    func take(_ reply: Reply, record: [UInt8]) throws {
        try self.state.withLockedValue { state in
            let isNew = state.tally.take(reply)
            // A program that reads records wants all of them; people want each result once.
            if isNew || state.printer.asJSON { self.display.print(state.printer.text(of: reply, record: record)) }
            if isNew { try self.folder.withLockedValue { try $0.folder?.take(reply) } }
            self.update(state.tally)
        }
    }

    /// Sets the number of tasks where no record tells it.
    func expect(_ tasks: Int) {
        self.state.withLockedValue { state in
            state.tally.take(.accepted(Accepted(job: state.tally.job, tasks: tasks, devices: tasks, unknown: [])))
            self.update(state.tally)
        }
    }

    /// The time goes on.
    func tick() { self.display.tick() }

    func say(_ text: String) { self.display.say(text) }

    /// Ends the progress line, writes the index, says what has become of the job.
    func finish() throws {
        let tally = self.tally
        self.display.end()
        try self.folder.withLockedValue { try $0.folder?.finish(tasks: tally.expected) }
        guard !self.isQuiet else { return }
        Console.error(TerminalText.escapedLine(tally.headline(elapsed: self.display.elapsed)))
        let table = tally.troubleTable
        if !table.isEmpty { Console.error(String(table.text(for: Console.error).dropLast())) }
    }

    private func update(_ tally: JobTally) {
        self.display.update(done: tally.done, total: tally.expected, notSucceeded: tally.notSucceeded)
    }
}
