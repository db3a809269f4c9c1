/// Rows in columns, for people: aligned by display width, with a line of headings.
///
/// ```swift
/// var table = Table([.init("device"), .init("port", .right), .init("tags", shrinks: true)])
/// table.add(["router1", "22", .init("edge, core", .faint)])
/// table.print()
/// ```
///
/// Cells are taken for text from elsewhere: control characters are escaped, on terminals and off them, because a line end would break the table.
struct Table {
    enum Alignment: Sendable { case left, right }

    struct Column: Sendable {
        var heading: String
        var alignment: Alignment
        /// Cells may be cut, with `…`, where the terminal is too narrow for the table. Never off a terminal.
        var shrinks: Bool

        init(_ heading: String, _ alignment: Alignment = .left, shrinks: Bool = false) {
            self.heading = heading
            self.alignment = alignment
            self.shrinks = shrinks
        }
    }

    struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        var text: String
        var style: Style?

        init(_ text: String, _ style: Style? = nil) {
            self.text = text
            self.style = style
        }

        init(stringLiteral text: String) { self.init(text) }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []
    private static let gap = 2
    /// A column isn't made narrower than this.
    private static let narrowest = 8

    init(_ columns: [Column]) {
        self.columns = columns
    }

    var isEmpty: Bool { self.rows.isEmpty }

    /// A row; cells that are missing are empty, and those past the last column are dropped.
    mutating func add(_ cells: [Cell]) {
        self.rows.append(cells.map { Cell(TerminalText.escapedLine($0.text), $0.style) })
    }

    /// The table for a stream, every line with its end.
    func text(for stream: StandardStream) -> String {
        self.text(width: stream.width) { stream.styled($0, $1) }
    }

    /// Writes the table to standard output.
    func print() { Console.write(self.text(for: Console.output)) }

    /// - Parameter width: columns that there are; `nil`: as many as it takes.
    func text(width: Int?, styled: (String, Style?) -> String = { text, _ in text }) -> String {
        let widths = self.widths(within: width)
        var result = ""
        let headings = self.columns.map { Cell($0.heading.uppercased(), .faint) }
        for row in [headings] + self.rows {
            var line = ""
            var pending = 0
            for (index, column) in self.columns.enumerated() {
                let cell = index < row.count ? row[index] : ""
                let text = DisplayWidth.cut(cell.text, to: widths[index])
                let padding = widths[index] - DisplayWidth.of(text)
                if column.alignment == .right { pending += padding }
                // Blanks go out before the next text only, so that no line ends with them.
                if !text.isEmpty {
                    line += String(repeating: " ", count: pending) + styled(text, cell.style)
                    pending = 0
                } else {
                    pending += widths[index] - padding
                }
                if column.alignment == .left { pending += padding }
                pending += Self.gap
            }
            result += line + "\n"
        }
        return result
    }

    private func widths(within width: Int?) -> [Int] {
        var widths = self.columns.indices.map { index in
            self.rows.reduce(DisplayWidth.of(self.columns[index].heading)) { widest, row in
                index < row.count ? max(widest, DisplayWidth.of(row[index].text)) : widest
            }
        }
        guard let width else { return widths }
        var excess = widths.reduce(0, +) + Self.gap * max(0, widths.count - 1) - width
        // From the widest down: what is short stays whole.
        while excess > 0 {
            let candidates = self.columns.indices.filter { self.columns[$0].shrinks && widths[$0] > Self.narrowest }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            let next = candidates.filter { widths[$0] < widths[widest] }.map { widths[$0] }.max() ?? Self.narrowest
            let cut = min(excess, max(1, widths[widest] - next))
            widths[widest] -= cut
            excess -= cut
        }
        return widths
    }
}
