import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import Devices

@Suite("Private files")
struct PrivateFileTests {
    @Test("at no moment may anybody else read them, and none stays half written")
    func modes() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("private-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/backup"
        let isOver = NIOLockedValueBox(false)
        let looker = Task.detached { () -> Set<Int> in
            var modes = Set<Int>()
            while !isOver.withLockedValue({ $0 }) {
                for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                    let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                    if let mode = attributes?[.posixPermissions] as? Int { modes.insert(mode) }
                }
            }
            return modes
        }
        for count in [30_000_000, 0, 10, 30_000_000] {
            try PrivateFile.write([UInt8](repeating: 0x61, count: count), to: path)
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == count)
        }
        isOver.withLockedValue { $0 = true }
        #expect(await looker.value.isSubset(of: [0o600]))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["backup"])
        #expect(throws: POSIXError.self) { try PrivateFile.write([1], to: folder + "/none/backup") }
    }
}
