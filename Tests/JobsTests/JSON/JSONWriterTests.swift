import Foundation
import Testing

@testable import Jobs

@Suite("Writing JSON")
struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes, body)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("commas stand between members and elements, and nowhere else")
    func structure() {
        let text = self.written { writer in
            writer.object { writer in
                writer.name("a")
                writer.array([1, 2, 3]) { $0.integer($1) }
                writer.name("b")
                writer.object { _ in }
                writer.name(escaping: "c\"")
                writer.array([[1], []]) { writer, inner in writer.array(inner) { $0.integer($1) } }
                writer.name("d")
                writer.null()
            }
        }
        #expect(text == #"{"a":[1,2,3],"b":{},"c\"":[[1],[]],"d":null}"#)
    }

    @Test("text that is in the buffer already stays")
    func appends() {
        var buffer = Array("x=".utf8)
        JSONWriter.append(to: &buffer) { $0.bool(true) }
        #expect(String(decoding: buffer, as: UTF8.self) == "x=true")
    }

    @Test("every character reads back as itself, here and in Foundation")
    func scalars() throws {
        var text = ""
        for value in Array(0..<0x300) + Array(0x2000..<0x2100) + [0xFEFF, 0xFFFD, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF] {
            if let scalar = Unicode.Scalar(UInt32(value)) { text.unicodeScalars.append(scalar) }
        }
        let bytes = JSONValue.string(text).encoded
        #expect(try JSONReader.read(bytes) == .string(text))
        let foundation = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) as? String
        #expect(foundation.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
        #expect(bytes.allSatisfy { $0 >= 0x20 })
    }

    @Test(
        "seconds are written to the microsecond, without superfluous digits",
        arguments: [
            (.zero, "0"), (.seconds(5), "5"), (.milliseconds(1500), "1.5"), (.microseconds(1), "0.000001"),
            (.microseconds(1_234_567), "1.234567"),
            (.nanoseconds(999), "0"), (.nanoseconds(1999), "0.000001"), (.seconds(-3), "0"),
            (.microseconds(10_000_020), "10.00002"),
        ] as [(Duration, String)])
    func seconds(duration: Duration, text: String) {
        #expect(self.written { $0.seconds(duration) } == text)
    }

    @Test(
        "integers of every width",
        arguments: [
            (0, "0"), (9, "9"), (10, "10"), (-10, "-10"), (.max, "9223372036854775807"), (.min, "-9223372036854775808"),
        ] as [(Int64, String)])
    func integers(value: Int64, text: String) {
        #expect(self.written { $0.integer(value) } == text)
    }

    @Test("numbers read back as themselves; what JSON can't hold is null")
    func numbers() throws {
        var generator = SeededGenerator()
        for _ in 0..<5000 {
            let number = Double(bitPattern: generator.next())
            let value = try JSONReader.read(JSONValue.number(number).encoded)
            switch value {
            case .number(let read): #expect(read == number, "seed \(generator.seed)")
            case .null: #expect(!number.isFinite)
            default: Issue.record("\(number) became \(value), seed \(generator.seed)")
            }
        }
    }

    @Test("base64 is what Foundation writes, and only that is read")
    func base64() throws {
        var generator = SeededGenerator()
        for length in 0..<70 {
            let bytes = generator.bytes(length...length)
            var buffer: [UInt8] = []
            Base64.append(bytes, to: &buffer)
            let text = String(decoding: buffer, as: UTF8.self)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text) == bytes)
        }
        for text in [
            "A", "AA", "AAA", "AA=A", "A===", "====", "AB==", "AAB=", "AA\n==", "A A=", "AA-_", "AAAA=", "é===",
        ] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
    }

    @Test("the check for UTF-8 agrees with the standard library on every short sequence")
    func utf8() {
        var generator = SeededGenerator()
        let interesting: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
            0xFF,
        ]
        for _ in 0..<50_000 {
            let bytes = generator.list(0...12) { $0.pick(interesting) }
            let prefix = bytes.withUnsafeBufferPointer { JSONScan.validUTF8Prefix(of: $0) }
            #expect(
                (prefix == bytes.count) == (String(validating: bytes, as: UTF8.self) != nil),
                "\(bytes), seed \(generator.seed)")
            #expect(String(validating: bytes[..<prefix], as: UTF8.self) != nil, "\(bytes), seed \(generator.seed)")
        }
    }
}
