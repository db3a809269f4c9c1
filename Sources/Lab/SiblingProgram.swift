import Foundation

/// A program that is built beside the one that runs.
package enum SiblingProgram {
    /// - Throws: ``LabError`` when there is none of that name.
    package static func url(_ name: String) throws(LabError) -> URL {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let url = folder.appendingPathComponent(name)
        guard FileManager.default.isExecutableFile(atPath: url.path) else {
            throw LabError("\(url.path) is missing: build all products first")
        }
        return url
    }
}
