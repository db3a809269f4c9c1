import Testing

@testable import Devices

@Suite struct ControlCharacterTests {
    @Test("every scalar is told from control characters, between all kinds of neighbours")
    func everyScalar() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let isControl = scalar.properties.generalCategory == .control
            guard isControl || value < 0x3000 || value % 97 == 0 else { continue }
            for text in ["\(scalar)", "a\(scalar)b", "\u{82}\(scalar)".dropFirst() + "é"] {
                #expect(String(text).hasControlCharacters == isControl, "U+\(String(value, radix: 16))")
            }
        }
        #expect(!"".hasControlCharacters)
        #expect(!"Âé€😀 ÂÂ show".hasControlCharacters)
    }
}
