/// What a text field may hold. Lengths are in bytes of UTF-8; the schemas, which can only count characters, name the same number.
struct TextRule: Sendable {
    /// With its article, for messages: `a job id`.
    var what: String
    var maximumBytes: Int
    var syntax: Syntax

    enum Syntax: Sendable {
        /// No control characters: those garble logs and terminals, and a NUL ends the text for programs in C.
        case printable
        /// As printable, and more than white space.
        case command
        /// Text of several lines: anything but NUL.
        case document
        /// One line, or a single key such as the return key; may be empty.
        case answer
        /// An `http` or `https` address without blanks.
        case url
        /// Kafka's rule for topic names (`org.apache.kafka.common.internals.Topic`).
        case topic
        /// Parts in base64url (RFC 4648, section 5) with dots between them.
        case sealed
        /// Exactly that many lower-case hexadecimal digits.
        case hexadecimal(Int)
    }

    static let jobID = TextRule(what: "a job id", maximumBytes: 200, syntax: .printable)
    /// Job and task ids in our own records: derived ids and device names make them longer than a user's.
    static let derivedID = TextRule(what: "an id", maximumBytes: 1024, syntax: .printable)
    static let target = TextRule(what: "a target", maximumBytes: 300, syntax: .printable)
    static let name = TextRule(what: "a name", maximumBytes: 128, syntax: .printable)
    static let labelName = TextRule(what: "a label name", maximumBytes: 128, syntax: .printable)
    static let headerName = TextRule(what: "a header name", maximumBytes: 128, syntax: .printable)
    static let topic = TextRule(what: "a topic name", maximumBytes: 249, syntax: .topic)
    static let command = TextRule(what: "a command", maximumBytes: 65_536, syntax: .command)
    static let pattern = TextRule(what: "a regular expression", maximumBytes: 4096, syntax: .printable)
    static let answer = TextRule(what: "an answer", maximumBytes: 4096, syntax: .answer)
    static let expectation = TextRule(what: "a text", maximumBytes: 65_536, syntax: .printable)
    static let devicePath = TextRule(what: "a path on the device", maximumBytes: 4096, syntax: .printable)
    static let path = TextRule(what: "a path", maximumBytes: 1024, syntax: .printable)
    static let url = TextRule(what: "an address", maximumBytes: 8192, syntax: .url)
    static let document = TextRule(what: "a text", maximumBytes: Operation.maximumTextBytes, syntax: .document)
    static let sealed = TextRule(what: "a sealed credential", maximumBytes: 32_768, syntax: .sealed)
    static let sha256 = TextRule(what: "a SHA-256 value", maximumBytes: 64, syntax: .hexadecimal(64))

    /// - Throws: what is wrong with `text`, without repeating it: a command may hold a secret.
    func check(_ text: String) throws(FieldError) {
        if case .answer = self.syntax, text.isEmpty { return }
        guard !text.isEmpty else { throw FieldError("expected \(self.what), found an empty string") }
        guard text.utf8.count <= self.maximumBytes else {
            throw FieldError("expected \(self.what) of at most \(self.maximumBytes) bytes, found \(text.utf8.count)")
        }
        switch self.syntax {
        case .printable:
            try self.checkPrintable(text)
        case .command:
            try self.checkPrintable(text)
            guard text.contains(where: { !$0.isWhitespace }) else {
                throw FieldError("expected a command, found only white space")
            }
        case .sealed:
            let isSealed = text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
            guard isSealed else { throw FieldError("expected \(self.what) as `tether seal` prints it") }
        case .document:
            guard !text.utf8.contains(0) else { throw FieldError("\(self.what) can't hold U+0000") }
        case .answer:
            if text.unicodeScalars.count > 1 { try self.checkPrintable(text) }
        case .url:
            try self.checkPrintable(text)
            let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") }
            guard ["http", "https"].contains(String(decoding: scheme, as: UTF8.self)),
                text.utf8.dropFirst(scheme.count).starts(with: "://".utf8), text.utf8.count > scheme.count + 3,
                text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else {
                // Never the value: its query may be a secret.
                throw FieldError("expected an http or https address in ASCII without blanks")
            }
            guard
                !text.utf8.dropFirst(scheme.count + 3).prefix(while: {
                    $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?")
                }).contains(UInt8(ascii: "@"))
            else {
                throw FieldError("an address can't hold a user name or a password", kind: .secret)
            }
        case .topic:
            guard text.utf8.allSatisfy(Self.isTopicCharacter), text != ".", text != ".." else {
                throw FieldError(
                    "expected a Kafka topic name (letters, digits, \".\", \"_\" and \"-\"), found \(Wording.quoted(text))"
                )
            }
        case .hexadecimal(let count):
            guard text.utf8.count == count, text.utf8.allSatisfy(Self.isHexadecimal) else {
                throw FieldError("expected \(self.what) of \(count) lower-case hexadecimal digits")
            }
        }
    }

    private func checkPrintable(_ text: String) throws(FieldError) {
        var text = text
        guard !text.withUTF8(Self.mayHoldControl) else {
            guard let scalar = text.unicodeScalars.first(where: Self.isControl) else { return }
            let code = String(scalar.value, radix: 16, uppercase: true)
            let name = "U+" + String(repeating: "0", count: max(0, 4 - code.count)) + code
            if case .command = self.syntax, scalar == "\n" || scalar == "\r" {
                throw FieldError(
                    "a command is a single line, found a line break (\(name)); give each line as a command of its own")
            }
            throw FieldError("control characters are not allowed in \(self.what), found \(name)")
        }
    }

    /// C0, DEL, C1, and the two line separators of Unicode.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }

    /// Whether the exact test is due: plain ASCII without controls and most other text needs no decoding.
    private static func mayHoldControl(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in bytes where byte < 0x20 || byte == 0x7F || byte == 0xC2 || byte == 0xE2 { return true }
        return false
    }

    private static func isTopicCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
