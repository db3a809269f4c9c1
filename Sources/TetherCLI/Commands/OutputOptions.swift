import ArgumentParser

/// What is done with results: the same for every command that has some.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print reply records, one JSON object a line, and nothing else.")
    var json = false

    @Flag(help: "Show output while it comes, each line with its device's name.")
    var stream = false

    @Option(
        help: ArgumentHelp(
            "Save output to this folder, a file for each device and command, with an index.json; print only what became of each device.",
            valueName: "folder"),
        completion: .directory)
    var save: String?

    func printer() -> ReplyPrinter {
        var printer = ReplyPrinter()
        printer.asJSON = self.json
        printer.showsOutput = self.save == nil || self.stream
        return printer
    }

    /// - Throws: when the folder can't be made.
    func report(job: String, printer: ReplyPrinter? = nil) throws -> JobReport {
        // What is saved is worth having, whoever has stopped reading the rest.
        if self.save != nil { Console.outliveOutput() }
        return JobReport(
            job: job, printer: printer ?? self.printer(), folder: try self.save.map { try ResultFolder($0, job: job) },
            showsProgress: !self.json, isQuiet: self.json)
    }
}
