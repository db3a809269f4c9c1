/// The records of a CSV file (RFC 4180), each cell with its place.
///
/// More than the RFC allows: lines that end in LF or CR alone, a byte order mark, blank lines, and blanks around cells without quotes.
struct CSVTable {
    struct Cell: Hashable {
        var text: String
        var line: Int
        /// In bytes, counted from 1.
        var column: Int
    }

    var header: [Cell] = []
    /// Each as long as the header.
    var records: [[Cell]] = []
    /// What is wrong with single records, which then aren't among ``records``.
    var mistakes = InventoryMistakes()

    /// - Throws: for quotes that leave open where cells end.
    init(_ bytes: [UInt8], file: String) throws(InventoryError) {
        var scanner = Scanner(bytes: bytes, file: file)
        guard let header = try scanner.record() else { return }
        self.header = header
        while let record = try scanner.record() {
            guard record.count == header.count else {
                self.mistakes.add(
                    InventoryError(
                        file: file, line: record[0].line, column: record[0].column,
                        message:
                            "has \(record.count) cell\(record.count == 1 ? "" : "s"), but the header has \(header.count)"
                            + (record.count > header.count ? ": put cells with commas in quotes" : "")))
                continue
            }
            self.records.append(record)
        }
    }

    private struct Scanner {
        let bytes: [UInt8]
        let file: String
        private var index: Int
        private var line = 1
        private var lineStart = 0

        private static let quote = UInt8(ascii: "\"")

        init(bytes: [UInt8], file: String) {
            self.bytes = bytes
            self.file = file
            self.index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            self.lineStart = self.index
        }

        /// The next record that isn't a blank line; `nil` at the end.
        mutating func record() throws(InventoryError) -> [Cell]? {
            while self.index < self.bytes.count {
                var cells: [Cell] = []
                repeat { cells.append(try self.cell()) } while self.take(UInt8(ascii: ","))
                self.endLine()
                if cells.count > 1 || cells.first?.text.isEmpty == false { return cells }
            }
            return nil
        }

        private mutating func cell() throws(InventoryError) -> Cell {
            self.skipBlanks()
            let (line, column) = (self.line, self.index - self.lineStart + 1)
            guard self.take(Self.quote) else {
                let start = self.index
                while let byte = self.peek, byte != UInt8(ascii: ","), !Self.isLineEnd(byte) {
                    guard byte != Self.quote else {
                        throw self.error("a quote inside a cell: put the cell in quotes, and double the quotes in it")
                    }
                    self.index += 1
                }
                var end = self.index
                while end > start, Self.isBlank(self.bytes[end - 1]) { end -= 1 }
                return Cell(text: String(decoding: self.bytes[start..<end], as: UTF8.self), line: line, column: column)
            }
            var text: [UInt8] = []
            while true {
                guard let byte = self.peek else {
                    throw InventoryError(
                        file: self.file, line: line, column: column,
                        message: "the quote that opens this cell is never closed")
                }
                self.index += 1
                if byte == Self.quote {
                    guard self.take(Self.quote) else { break }
                } else if Self.isLineEnd(byte) {
                    if byte == UInt8(ascii: "\r"), self.peek == UInt8(ascii: "\n") {
                        text.append(byte)
                        self.index += 1
                    }
                    self.line += 1
                    self.lineStart = self.index
                    text.append(self.bytes[self.index - 1])
                    continue
                }
                text.append(byte)
            }
            self.skipBlanks()
            if let byte = self.peek, byte != UInt8(ascii: ","), !Self.isLineEnd(byte) {
                throw self.error("expected a comma or the end of the line behind the closing quote")
            }
            return Cell(text: String(decoding: text, as: UTF8.self), line: line, column: column)
        }

        private var peek: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard self.peek == byte else { return false }
            self.index += 1
            return true
        }

        private mutating func skipBlanks() {
            while let byte = self.peek, Self.isBlank(byte) { self.index += 1 }
        }

        private mutating func endLine() {
            guard let byte = self.peek, Self.isLineEnd(byte) else { return }
            self.index += 1
            if byte == UInt8(ascii: "\r") { _ = self.take(UInt8(ascii: "\n")) }
            self.line += 1
            self.lineStart = self.index
        }

        private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        private static func isLineEnd(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }

        private func error(_ problem: String) -> InventoryError {
            InventoryError(
                file: self.file, line: self.line, column: self.index - self.lineStart + 1,
                message: "is not CSV: \(problem)")
        }
    }
}
