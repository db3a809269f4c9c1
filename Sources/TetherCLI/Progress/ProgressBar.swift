import Foundation

/// The line that runs along: how far, how fast, how many failures, how long yet. Pure.
///
/// ASCII only: it has to look right in every terminal of every bastion host.
struct ProgressBar: Sendable {
    var done: Int
    /// `nil`: not known yet.
    var total: Int?
    /// Of those that are done.
    var notSucceeded: Int
    var elapsed: Duration
    var rate: Double?
    var timeLeft: Duration?

    private static let widestBar = 40
    private static let narrowestBar = 10

    /// At most `width` columns. Where there is little room, the bar goes first, then the words from the right.
    func line(width: Int) -> String {
        guard let total else {
            return Self.fit(["waiting for the job to be accepted", Self.clock(self.elapsed)], into: width)
        }
        // 100 % is said of nothing but the end.
        let percent = total == 0 ? 100 : self.done >= total ? 100 : min(99, self.done * 100 / total)
        var words = ["\(self.done)/\(total)", "\(percent)%"]
        if self.notSucceeded > 0 { words.append("\(self.notSucceeded) not succeeded") }
        if let rate { words.append(rate >= 10 ? "\(Int(rate.rounded()))/s" : String(format: "%.1f/s", rate)) }
        if self.done < total {
            words.append(self.timeLeft.map { "\(Self.clock($0)) left" } ?? "\(Self.clock(self.elapsed)) gone")
        }
        let text = words.joined(separator: "  ")
        let room = min(Self.widestBar, width - text.utf8.count - 3)
        guard room >= Self.narrowestBar else { return Self.fit(words, into: width) }
        let filled = total == 0 ? room : min(room, self.done * room / total)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: room - filled) + "] " + text
    }

    private static func fit(_ words: [String], into width: Int) -> String {
        var words = words
        while words.count > 1, words.joined(separator: "  ").utf8.count > width { words.removeLast() }
        return String(words.joined(separator: "  ").prefix(max(0, width)))
    }

    /// `8s`, `3m05s`, `2h07m`.
    static func clock(_ duration: Duration) -> String {
        let seconds = max(0, Int((duration / .seconds(1)).rounded(.up)))
        func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m\(padded(seconds % 60))s"
        default: "\(seconds / 3600)h\(padded(seconds / 60 % 60))m"
        }
    }
}
