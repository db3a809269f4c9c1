import Devices
import Jobs

/// Fields that no worker knows: readers ignore them, so that a misspelt one goes unnoticed.
struct FieldInspection: JobInspection {
    /// As in `schemas/job.schema.json`.
    static let known = [
        "version", "id", "targets", "operation", "reply_to", "stream", "deadline", "effect", "priority", "credential",
        "platform", "labels", "echo_headers",
    ]

    func inspect(_ job: Job, in document: JobDocument) -> JobFindings {
        var findings = JobFindings()
        for member in document.object.members where !Self.known.contains(member.name) {
            let meant =
                Suggestion.closest(to: member.name, among: Self.known).map { " (did you mean \($0)?)" } ?? ""
            findings.problems.append(
                Problem(
                    file: document.name, line: FieldPath(member.name).flatMap { document.line(of: $0) },
                    severity: .warning, message: "\(member.name): workers ignore this field\(meant)"))
        }
        return findings
    }
}
