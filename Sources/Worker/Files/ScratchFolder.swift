import Devices
import Foundation

/// A folder for incomplete files, for this user only. All functions block.
struct ScratchFolder: Sendable {
    let path: String

    /// - Parameter parent: `nil`: where the system has its temporary files.
    /// - Throws: `artifacts.failed`.
    init(in parent: String?) throws(DeviceError) {
        let parent = parent ?? FileManager.default.temporaryDirectory.path
        var name = Array("\(parent)/\(ArtifactStore.temporaryPrefix)XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            throw DeviceError(
                code: "artifacts.failed",
                message: "no folder for incomplete files: \(String(cString: strerror(errno)).lowercased())")
        }
        self.path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func file(_ name: String) -> String { "\(self.path)/\(name)" }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}
