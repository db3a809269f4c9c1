import Foundation

/// The source tree that the tests were built from.
package enum Repository {
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    package static var schemas: URL { self.root.appendingPathComponent("schemas") }
    package static var examples: URL { self.schemas.appendingPathComponent("examples") }
    package static var sources: URL { self.root.appendingPathComponent("Sources") }

    package static func files(in folder: URL, suffix: String) throws -> [URL] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return names.filter { $0.hasSuffix(suffix) }.sorted().map { folder.appendingPathComponent($0) }
    }

    /// The golden records, by file name.
    package static func exampleRecords() throws -> [(name: String, bytes: [UInt8])] {
        try self.files(in: self.examples, suffix: ".json").map {
            ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0)))
        }
    }
}
