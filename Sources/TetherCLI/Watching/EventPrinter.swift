import Foundation
import Jobs

/// What an event looks like: `2026-11-23 10:15:02  router1  session.lost  worker-1  session.lost: …`.
struct EventPrinter {
    let stream: StandardStream
    var timeZone = TimeZone.current

    func line(_ event: Event) -> String {
        let (style, detail) = self.words(event.kind)
        let parts = [
            self.time(event.time), self.stream.styled(TerminalText.escapedLine(event.device ?? "inventory"), .strong),
            self.stream.styled(event.type, style), self.stream.styled(TerminalText.escapedLine(event.worker), .faint),
            TerminalText.escapedLine(detail),
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: "  ") + "\n"
    }

    private func words(_ kind: Event.Kind) -> (Style?, String) {
        switch kind {
        case .sessionOpened(_, let elapsed): (.good, "in \(Console.time(elapsed))")
        case .sessionClosed(_, let reason): (nil, reason)
        case .sessionLost(_, let code, let message): (.warning, "\(code): \(message)")
        case .deviceUnreachable(let code, let message, let failures, let pause):
            (.bad, "\(failures) failures, left alone for \(ProgressBar.clock(pause)): \(code): \(message)")
        case .deviceRecovered: (.good, "")
        case .hostKeyChanged(let message): (.bad, message)
        case .credentialLocked(let user, let scope, let pause):
            (.bad, "user \(user), \(scope), for \(ProgressBar.clock(pause))")
        case .inventoryChanged(let devices, let added, let removed, let changed, let names):
            (
                .good,
                "\(devices) devices: \(added) added, \(removed) removed, \(changed) changed"
                    + (names.isEmpty ? "" : ": \(names.joined(separator: " "))")
            )
        case .inventoryRefused(let code, let message): (.bad, "\(code): \(message)")
        }
    }

    private func time(_ milliseconds: Int64) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = self.timeZone
        let parts = calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second],
            from: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
        return String(
            format: "%04d-%02d-%02d %02d:%02d:%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0, parts.hour ?? 0,
            parts.minute ?? 0, parts.second ?? 0)
    }
}
