// The parser's events: its tree would take several times the memory and time. Yams brings the module along.
import CYaml

extension InventoryDocument {
    /// Reads one YAML document. Anchors and aliases are kept as they are, merge keys too.
    ///
    /// - Throws: where the text isn't YAML, or holds several documents.
    convenience init(yaml: [UInt8], file: String) throws(InventoryError) {
        self.init(file: file)
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            throw InventoryError(file: file, message: "can't be read: there is no memory for it")
        }
        defer { yaml_parser_delete(parser) }
        let failure = yaml.withUnsafeBufferPointer { bytes -> InventoryError? in
            yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
            return self.take(parser, yaml)
        }
        if let failure { throw failure }
    }

    private func take(_ parser: UnsafeMutablePointer<yaml_parser_t>, _ yaml: [UInt8]) -> InventoryError? {
        var anchors: [String: Int] = [:]
        /// Of the mappings and sequences that are open.
        var pending: [String?] = []
        var documents = 0
        var event = yaml_event_t()
        while true {
            guard yaml_parser_parse(parser, &event) == 1 else { return self.failure(parser.pointee, yaml) }
            defer { yaml_event_delete(&event) }
            let (line, column) = (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
            func failure(_ problem: String) -> InventoryError {
                InventoryError(file: self.file, line: line, column: column, message: "is not YAML: \(problem)")
            }
            func begin(_ kind: Kind, _ anchor: UnsafeMutablePointer<yaml_char_t>?) {
                self.begin(kind, line: line, column: column)
                pending.append(anchor.map { String(cString: $0) })
            }
            switch event.type {
            case YAML_DOCUMENT_START_EVENT:
                documents += 1
                if documents > 1 {
                    return failure("expected a single document in the stream: but found another document")
                }
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                let isText =
                    scalar.style != YAML_PLAIN_SCALAR_STYLE
                    || scalar.tag.map { String(cString: $0) == "tag:yaml.org,2002:str" } ?? false
                let position = self.scalar(
                    isText ? .quoted : .plain, UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                    line: line,
                    column: column)
                if let anchor = scalar.anchor { anchors[String(cString: anchor)] = position }
            case YAML_MAPPING_START_EVENT: begin(.mapping, event.data.mapping_start.anchor)
            case YAML_SEQUENCE_START_EVENT: begin(.sequence, event.data.sequence_start.anchor)
            case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT:
                let position = self.end()
                // Only now: whatever names itself inside stands for nothing.
                if let anchor = pending.popLast() ?? nil { anchors[anchor] = position }
            case YAML_ALIAS_EVENT:
                guard let anchor = event.data.alias.anchor, let target = anchors[String(cString: anchor)] else {
                    return failure("found undefined alias")
                }
                self.alias(of: target, line: line, column: column)
            case YAML_STREAM_END_EVENT: return nil
            default: break
            }
        }
    }

    private func failure(_ parser: yaml_parser_t, _ yaml: [UInt8]) -> InventoryError {
        let problem = parser.problem.map { String(cString: $0) } ?? "it can't be read"
        guard parser.error != YAML_READER_ERROR else {
            let line = yaml.prefix(Int(clamping: parser.problem_offset)).count { $0 == UInt8(ascii: "\n") } + 1
            return InventoryError(file: self.file, line: line, message: "is not YAML: \(problem)")
        }
        let context = parser.context.map { "\(String(cString: $0)): " } ?? ""
        return InventoryError(
            file: self.file, line: Int(parser.problem_mark.line) + 1, column: Int(parser.problem_mark.column) + 1,
            message: "is not YAML: \(context)\(problem)")
    }
}
