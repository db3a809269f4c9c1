import Testing

@testable import Worker

@Suite struct OutputTests {
    @Test("a piece of output never ends inside a character", arguments: 1...12)
    func boundary(count: Int) {
        let text = Array("aé€😀z😀".utf8)
        let cut = UTF8Boundary.floor(in: text, at: count)
        #expect(cut > 0 && cut <= count)
        // The first character that doesn't fit whole may be cut only when nothing fits before it.
        if cut < text.count { #expect(String(validating: text[..<cut], as: UTF8.self) != nil || cut == count) }
    }

    @Test("bytes that aren't UTF-8 are cut where asked")
    func boundaryOfBinary() {
        let bytes = [UInt8](repeating: 0x80, count: 64)
        #expect(UTF8Boundary.floor(in: bytes, at: 32) == 32)
    }

    @Test("the encoded size counts escapes")
    func encodedSize() {
        #expect(EncodedSize.ofText(Array("abc".utf8)) == 4)
        #expect(EncodedSize.ofText(Array("a\n\n\n\n".utf8)) == 9)
        #expect(EncodedSize.ofText([UInt8](repeating: 0x1B, count: 10)) == 60)
    }
}
