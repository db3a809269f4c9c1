import Foundation
import Lab
import Testing

@testable import Devices

@Suite("JSON of sources")
struct JSONDocumentTests {
    private static let example = #"""
        {"devices": [ {"name":"r1", "port":22, "warm": true, "x":null, "tags":["a\u00e9\ud83d\ude00\n\/","b"], "o":{}, "l":[]},
          {"name": "r2", "n": -1.5e3} ], "last": "é"}
        """#

    @Test("values, escapes and places are read")
    func values() throws {
        let document = try InventoryDocument(json: Array(Self.example.utf8), file: "a.json")
        let root = try #require(YAMLValue(document))
        let fields = try root.fields()
        #expect(fields.map(\.key) == ["devices", "last"])
        #expect(try fields[1].value.string() == "é")
        let devices = try fields[0].value.items()
        let first = try devices[0].fields()
        #expect(first.map(\.key) == ["name", "port", "warm", "x", "tags", "o", "l"])
        #expect(try first[1].value.integer(in: 0...99) == 22 && first[2].value.boolean() && first[3].value.isNull)
        #expect(try first[4].value.items().map { try $0.string() } == ["aé😀\n/", "b"])
        #expect(try first[5].value.fields().isEmpty && first[6].value.items().isEmpty)
        #expect(try devices[1].fields()[0].value.place.description == "a.json:2")
        #expect(throws: InventoryError.self) { try first[1].value.string() }
    }

    @Test("an answer that is cut anywhere is no answer")
    func truncated() throws {
        let bytes = Array(Self.example.utf8)
        for end in 0..<bytes.count - 1 where !bytes[end...].allSatisfy({ $0 <= 0x20 }) {
            #expect(throws: InventoryError.self, "\(end)") {
                try InventoryDocument(json: Array(bytes[..<end]), file: "a.json")
            }
        }
    }

    @Test(
        "what isn't JSON is told with its place",
        arguments: [
            ("", "1:1: is not JSON: ends too early"), ("<html>", "1:1: is not JSON: expected a value"),
            ("[1,]", "1:4: is not JSON: expected a value"),
            ("{\"a\":1,}", "1:8: is not JSON: expected a key in quotes"),
            ("{\"a\" 1}", "1:6: is not JSON: expected `:`"), ("[1 2]", "1:4: is not JSON: expected `,` or `]`"),
            ("[]\n[]", "2:1: is not JSON: something follows the value"),
            ("\"\\x\"", "1:4: is not JSON: an escape that JSON doesn't have"),
            ("\"\\u12g4\"", "1:4: is not JSON: expected four hexadecimal digits"),
            ("\"a\tb\"", "1:4: is not JSON: a control character in text"),
            ("[tru]", "1:5: is not JSON: expected a value"),
            (String(repeating: "[", count: 65), "1:65: is not JSON: is nested too deep"),
        ])
    func mistakes(text: String, expected: String) {
        let error = #expect(throws: InventoryError.self) { try InventoryDocument(json: Array(text.utf8), file: "a") }
        #expect(error?.description == "a:\(expected)")
    }

    @Test("whatever bytes come, reading ends")
    func random() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed: seed)
        let example = Array(Self.example.utf8)
        for _ in 0..<2_000 {
            var bytes = example
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(8), at: index)
                }
            }
            _ = try? InventoryDocument(json: bytes, file: "a.json")
            _ = try? InventoryDocument(yaml: bytes, file: "a.yaml")
            _ = try? CSVTable(bytes, file: "a.csv")
        }
    }

    @Test("text is written so that it is read again")
    func text() throws {
        for text in ["", "a\"b\\c", "\u{0}\u{1F}\n\t", "é😀"] {
            var json: [UInt8] = []
            JSONText.append(text, to: &json)
            let document = try InventoryDocument(json: json, file: "a.json")
            #expect(try YAMLValue(document)?.string() == text)
        }
    }
}
