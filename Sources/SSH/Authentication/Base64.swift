import Foundation

/// Base64 as key files have it.
enum Base64 {
    /// Decodes; line ends and blanks are skipped, anything else foreign is an error.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let compact = text.utf8.filter { $0 != 0x0A && $0 != 0x0D && $0 != 0x20 && $0 != 0x09 }
        return Data(base64Encoded: Data(compact)).map(Array.init)
    }
}
