import Testing

@testable import Worker

@Suite struct OutputTests {
    @Test("the encoded size counts escapes")
    func encodedSize() {
        #expect(EncodedSize.ofText(Array("abc".utf8)) == 4)
        #expect(EncodedSize.ofText(Array("a\n\n\n\n".utf8)) == 9)
        #expect(EncodedSize.ofText([UInt8](repeating: 0x1B, count: 10)) == 60)
    }
}
