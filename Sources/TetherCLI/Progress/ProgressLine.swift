/// What has to be written to have a line drawn over the last one, and when. Pure: time comes in, bytes go out.
///
/// The line stands on the last row of the terminal without a line end. The terminal may have become narrower since: then the old line takes several
/// rows, and all of them are cleared.
struct ProgressLine: Sendable {
    /// Ten times a second is as fast as eyes read.
    static let interval = Duration.milliseconds(100)

    private var lastDrawn: Duration?
    /// Columns that the line on the screen took when it was drawn; `nil`: there is none.
    private var drawnWidth: Int?

    /// Whether it is time to draw.
    func isDue(at time: Duration) -> Bool {
        self.lastDrawn.map { time - $0 >= Self.interval } ?? true
    }

    /// - Parameter columns: of the terminal now.
    mutating func draw(_ line: String, at time: Duration, columns: Int) -> String {
        let clearing = self.clear(columns: columns)
        self.lastDrawn = time
        self.drawnWidth = DisplayWidth.of(line)
        return clearing + line
    }

    /// Removes the line; whatever is written next begins in its place. Empty if there is none.
    mutating func clear(columns: Int) -> String {
        guard let width = self.drawnWidth else { return "" }
        self.drawnWidth = nil
        let rowsAbove = width == 0 ? 0 : (width - 1) / max(1, columns)
        let up = rowsAbove > 0 ? "\u{1B}[\(rowsAbove)A" : ""
        // Erase from here to the end of the screen (ECMA-48 section 8.3.39).
        return "\r\(up)\u{1B}[J"
    }
}
