import Foundation
import Testing

@testable import Jobs

@Suite("Reading JSON")
struct JSONReaderTests {
    private func read(_ text: String) throws(JSONError) -> JSONValue { try JSONReader.read(Array(text.utf8)) }

    @Test(
        "valid texts are read as RFC 8259 says",
        arguments: [
            ("null", .null), (" true\n", .bool(true)), ("\tfalse\r\n", .bool(false)),
            ("0", .integer(0)), ("-0", .integer(0)), ("42", .integer(42)), ("-1", .integer(-1)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number(9223372036854775808)), ("1.5", .number(1.5)), ("-2.25e2", .number(-225)),
            ("1E+3", .number(1000)),
            ("1e-7", .number(1e-7)), ("0.1", .number(0.1)),
            ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)), ("1e-400", .number(0)),
            ("123456789012345678901234567890", .number(1.2345678901234568e29)),
            (#""""#, .string("")), (#""a b""#, .string("a b")), (#""é€😀""#, .string("é€😀")),
            (#""\u00e9\u20AC\ud83d\ude00""#, .string("é€😀")),
            (#""\"\\\/\b\f\n\r\t\u0000""#, .string("\"\\/\u{8}\u{C}\n\r\t\0")),
            ("\"\u{7F}\u{2028}\"", .string("\u{7F}\u{2028}")),
            ("[]", .array([])), ("[ ]", .array([])),
            ("[1,[2],{}]", .array([.integer(1), .array([.integer(2)]), .object(JSONObject())])),
            ("{}", .object(JSONObject())),
            (#"{ "b" : 1 , "a" : [ ] }"#, .object(JSONObject([.init("b", .integer(1)), .init("a", .array([]))]))),
            (#"{"":0}"#, .object(JSONObject([.init("", .integer(0))]))), ("\u{FEFF}{}", .object(JSONObject())),
        ] as [(String, JSONValue)])
    func valid(text: String, value: JSONValue) throws {
        #expect(try self.read(text) == value)
    }

    @Test(
        "everything else is refused, with the place",
        arguments: [
            ("", 0), (" ", 1), ("nul", 0), ("nulL", 0), ("True", 0), ("NaN", 0), ("Infinity", 0), ("'a'", 0), ("a", 0),
            ("undefined", 0),
            ("01", 0), ("-", 1), ("+1", 0), (".5", 0), ("1.", 2), ("1.e3", 2), ("1e", 2), ("1e+", 3), ("0x10", 1),
            ("1_000", 1), ("--1", 1),
            ("1e400", 0), ("-01", 0),
            (#"""#, 1), (#""abc"#, 1), (#""\"#, 1), (#""\x""#, 1), (#""\u12""#, 1), (#""\u12g4""#, 1),
            (#""\ud83d""#, 1), (#""\ud83dx""#, 1),
            (#""\ud83d\u0041""#, 1), (#""\ude00""#, 1), (#""\ud83d\n""#, 1), ("\"a\nb\"", 2), ("\"a\tb\"", 2),
            ("\"\0\"", 1), ("\"12345678\u{1F}\"", 9),
            ("[", 1), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("[1}", 2), ("]", 0),
            ("{", 1), (#"{"a""#, 4), (#"{"a":"#, 5), (#"{"a":1"#, 6), (#"{"a":1,"#, 7), (#"{"a":1,}"#, 7),
            (#"{"a" 1}"#, 5), ("{a:1}", 1), ("{1:1}", 1),
            (#"{"a":1]"#, 6), (#"{"a":1,"a":2}"#, 7), (#"{"a":1,"\u0061":2}"#, 7),
            ("1 2", 2), ("{}{}", 2), ("{},", 2), ("[] // comment", 3), ("/**/1", 0), ("{}\u{FEFF}", 2), ("null\0", 4),
        ])
    func invalid(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try self.read(text) }
        #expect(error?.offset == offset, "\(text): \(String(describing: error))")
    }

    @Test(
        "invalid UTF-8 is refused wherever it stands",
        arguments: [
            [0x80], [0xC3], [0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func invalidUTF8(sequence: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError.self) { try JSONReader.read([quote] + sequence + [quote]) }
        #expect(throws: JSONError.self) { try JSONReader.read(Array(#"{"a"#.utf8) + sequence + Array(#"":1}"#.utf8)) }
        #expect(throws: JSONError.self) { try JSONReader.read(Array(#""\n"#.utf8) + sequence + [quote]) }
        #expect(throws: JSONError.self) { try JSONReader.read(sequence) }
    }

    @Test("depth, size and the number of values are bounded")
    func limits() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try self.read(nested(64))
        #expect(throws: JSONError.self) { try self.read(nested(65)) }
        #expect(throws: JSONError.self) { try self.read(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: JSONError.self) { try self.read(String(repeating: #"{"a":"#, count: 1_000_000)) }
        #expect(throws: JSONError.self) { try self.read("[" + String(repeating: "0,", count: 262_144) + "0]") }
        #expect(throws: JSONError.self) { try JSONReader.read(Array("[1,2,3]".utf8), limits: .init(bytes: 6)) }
    }

    @Test("a repeated name is found among many members too")
    func duplicateAmongMany() throws {
        let members = (0..<1000).map { "\"name\($0)\":\($0)" }
        let object = try self.read("{" + members.joined(separator: ",") + "}")
        guard case .object(let object) = object else { return #expect(Bool(false), "not an object") }
        #expect(object["name999"] == .integer(999))
        for repeated in [0, 15, 16, 17, 999] {
            #expect(throws: JSONError.self) {
                try self.read("{" + (members + ["\"name\(repeated)\":0"]).joined(separator: ",") + "}")
            }
        }
    }

    @Test("no prefix of a text is taken for the whole")
    func prefixes() throws {
        let text = Array(#"{"a":[1,-2.5e3,"é\u00e9\ud83d\ude00",true,null],"b":{"c":"d"}}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONReader.read(Array(text[..<length])) }
        }
        _ = try JSONReader.read(text)
    }

    @Test("escapes and ends of strings are found at every distance from the start")
    func alignments() throws {
        for length in 0..<40 {
            let filler = String(repeating: "é", count: length / 3) + String(repeating: "x", count: length)
            for (escape, meaning) in [(#"\n"#, "\n"), (#"\""#, "\""), (#"\\"#, "\\"), (#"\u001f"#, "\u{1F}"), ("", "")]
            {
                #expect(try self.read("\"\(filler)\(escape)\(filler)\"") == .string(filler + meaning + filler))
            }
            #expect(throws: JSONError.self) { try self.read("\"\(filler)\u{1F}\(filler)\"") }
        }
    }

    @Test("decimal numbers are the nearest doubles")
    func numbers() throws {
        var generator = SeededGenerator()
        for _ in 0..<5000 {
            let pattern = Double(bitPattern: generator.next())
            let decimal =
                "\(Int64.random(in: -1_000_000...1_000_000, using: &generator)).\(UInt32.random(in: 0 ... .max, using: &generator))"
            for text in [decimal, decimal + "e\(Int.random(in: -30...30, using: &generator))"]
                + (pattern.isFinite ? ["\(pattern)"] : [])
            {
                let value = try self.read(text)
                let expected = try #require(Double(text))
                switch value {
                case .number(let number): #expect(number == expected, "\(text), seed \(generator.seed)")
                case .integer(let integer): #expect(Double(integer) == expected, "\(text), seed \(generator.seed)")
                default: Issue.record("\(text) is no number, seed \(generator.seed)")
                }
            }
        }
    }

    @Test("random bytes never crash the reader, and what it takes Foundation takes too")
    func fuzz() throws {
        var generator = SeededGenerator()
        let alphabet = Array(#"{}[]",:\u0123aeE+-.tfn "#.utf8) + [0x09, 0xC3, 0xA9, 0x80, 0x00]
        for _ in 0..<20_000 {
            let bytes = generator.list(0...24) { $0.pick(alphabet) }
            guard (try? JSONReader.read(bytes)) != nil else { continue }
            let object = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            #expect(object != nil, "\(String(decoding: bytes, as: UTF8.self)), seed \(generator.seed)")
        }
    }
}
