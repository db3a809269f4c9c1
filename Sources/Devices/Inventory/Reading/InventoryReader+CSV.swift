extension InventoryReader {
    /// Columns of a table of devices: `name`, and the keys of a device. `name` may be left out; the host then is the name.
    private static let columns = ["name"] + Self.deviceKeys

    /// Reads a table of devices (RFC 4180, the first line names the columns). Empty cells say nothing; `tags` and `groups` hold several words,
    /// separated by `;` or blanks.
    mutating func read(csv bytes: [UInt8], file: String) {
        do throws(InventoryError) {
            let table = try CSVTable(bytes, file: file)
            self.mistakes.add(all: table.mistakes)
            let before = self.draft.devices.count
            let columns = try Self.columns(of: table.header, file: file)
            for record in table.records { self.readDevice(record, columns, file: file) }
            self.files.append(InventoryFile(name: file, form: .csv, devices: self.draft.devices.count - before))
        } catch {
            self.mistakes.add(error)
            self.hasUnreadFile = true
        }
    }

    /// - Throws: for a column that is unknown or given twice; all such mistakes.
    private static func columns(of header: [CSVTable.Cell], file: String) throws(InventoryError) -> [String] {
        var mistakes = InventoryMistakes()
        var names: [String] = []
        func mistake(_ cell: CSVTable.Cell?, _ message: String) {
            mistakes.add(InventoryError(file: file, line: cell?.line ?? 1, column: cell?.column, message: message))
        }
        if header.count == 1, let cell = header.first,
            let separator = cell.text.first(where: { $0 == ";" || $0 == "\t" })
        {
            mistake(cell, "columns are separated by commas, not by \(separator == ";" ? "`;`" : "tabs")")
        }
        for cell in header where mistakes.isEmpty || header.count > 1 {
            var name = cell.text.lowercased()
            if name == "platform" { name = "device_type" }
            if !Self.columns.contains(name) {
                let instead = Self.instead(of: cell.text, among: Self.columns, hints: Self.hints)
                mistake(cell, "unknown column \(quoted(cell.text))\(instead)")
            } else if names.contains(name) {
                mistake(cell, "the column `\(name)` is given twice: keep one of them")
            }
            names.append(name)
        }
        if mistakes.isEmpty, !names.contains("host") {
            mistake(
                header.first,
                header.isEmpty
                    ? "the first line must name the columns, at least `host`" : "the column `host` is missing")
        }
        if let error = mistakes.error { throw error }
        return names
    }

    private mutating func readDevice(_ record: [CSVTable.Cell], _ columns: [String], file: String) {
        let name = zip(columns, record).first { $0.0 == "name" } ?? zip(columns, record).first { $0.0 == "host" }
        guard let name = name?.1 else { return }
        let document = InventoryDocument(file: file)
        let begin = document.begin(.mapping, line: record[0].line, column: record[0].column)
        document.end()
        let entry = YAMLValue(document, at: begin, base: "devices", key: name.text)
        var fields: [YAMLValue.Field] = []
        fields.reserveCapacity(columns.count)
        let path = entry.path
        for (column, cell) in zip(columns, record) where column != "name" && !cell.text.isEmpty {
            let position = document.scalar(.cell, cell.text.utf8, line: cell.line, column: cell.column)
            fields.append(
                YAMLValue.Field(key: column, value: YAMLValue(document, at: position, base: path, key: column)))
        }
        self.readDevice(name.text, entry, fields)
    }
}
