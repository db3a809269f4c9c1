import Devices
import Foundation
import Jobs
import Testing

@testable import Worker

@Suite struct ArtifactStoreTests {
    /// A root with a file, a folder and links, beside a file outside of it.
    private final class Tree {
        let folder: URL
        let store: ArtifactStore
        var root: URL { self.folder.appendingPathComponent("root") }

        init() throws {
            self.folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "artifacts-\(UUID().uuidString)")
            let files = FileManager.default
            self.store = ArtifactStore(root: self.folder.appendingPathComponent("root").path)
            try files.createDirectory(at: self.root.appendingPathComponent("images"), withIntermediateDirectories: true)
            try Data("inside".utf8).write(to: self.root.appendingPathComponent("images/a.bin"))
            try Data("outside".utf8).write(to: self.folder.appendingPathComponent("secret"))
            for (link, target) in [
                ("link-out", "../secret"), ("link-absolute", "/etc/passwd"), ("link-in", "images/a.bin"),
                ("folder-out", ".."), ("folder-in", "images"), ("dangling", "nothing"),
            ] {
                try files.createSymbolicLink(
                    atPath: self.root.appendingPathComponent(link).path, withDestinationPath: target)
            }
        }

        deinit { try? FileManager.default.removeItem(at: self.folder) }

        /// A complete file that is to be given its place.
        func temporary(_ text: String = "new") throws -> String {
            let scratch = try ScratchFolder(in: self.root.path)
            try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.file("x")))
            return scratch.file("x")
        }

        func text(_ path: String) -> String? {
            (try? Data(contentsOf: self.folder.appendingPathComponent(path))).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }

    /// What must never be read from nor written to.
    static let refused = [
        "../secret", "images/../../secret", "..", ".", "", "/etc/passwd", "images//a.bin", "images/", "./images/a.bin",
        "link-out", "link-absolute", "link-in", "folder-out/secret", "folder-in/a.bin", "images/a.bin/b", "images",
        "dangling",
        ".tether-x/a", "a\u{0}b",
    ]

    @Test("a path that leads out of the root, or through a link, is not read", arguments: refused)
    func unreadable(path: String) throws {
        let tree = try Tree()
        let error = #expect(throws: DeviceError.self) { try tree.store.open(path) }
        #expect(error?.code == "artifacts.refused", "\(String(describing: error))")
    }

    @Test("a path that leads out of the root, or through a link, is not written to", arguments: refused)
    func unwritable(path: String) throws {
        let tree = try Tree()
        let temporary = try tree.temporary()
        let error = #expect(throws: DeviceError.self) { try tree.store.place(temporary, at: path) }
        #expect(error?.code == "artifacts.refused", "\(String(describing: error))")
        #expect(tree.text("secret") == "outside" && tree.text("root/images/a.bin") == "inside")
    }

    @Test("a file of the root is read, also after its name was given to another one")
    func read() throws {
        let tree = try Tree()
        let file = try tree.store.open("images/a.bin")
        #expect(file.size == 6)
        try tree.store.place(try tree.temporary("other"), at: "images/a.bin")
        #expect(try Data(contentsOf: URL(fileURLWithPath: file.path)) == Data("inside".utf8))
        #expect(tree.text("root/images/a.bin") == "other")
        let error = #expect(throws: DeviceError.self) { try tree.store.open("images/none") }
        #expect(error?.code == "artifacts.failed")
    }

    @Test("a file takes its place in folders that are made for it")
    func place() throws {
        let tree = try Tree()
        try tree.store.place(try tree.temporary("deep"), at: "a/b/c.txt")
        #expect(tree.text("root/a/b/c.txt") == "deep")
    }

    @Test("what stands for a name is one part of a path, whatever the name is, and replaced once")
    func names() {
        var name = DestinationName(device: "../r/1", job: "{device}", submitted: 1_795_341_600_000)
        #expect(name.path("backups/{date}/{device}-{job}-{x}{") == "backups/2026-11-22/_._r_1-{device}-{x}{")
        #expect(name.url("https://h/{device}?a={job}") == "https://h/..%2Fr%2F1?a=%7Bdevice%7D")
        name.device = "192.0.2.7:22"
        #expect(name.path("{device}") == "192.0.2.7:22")
    }
}

extension DestinationName {
    fileprivate init(device: String, job: String, submitted: Int64) {
        self.init(
            of: .init(
                id: "", job: job, device: device, operation: .probe, effect: .read, deadline: 0, submitted: submitted,
                replyTo: ""))
    }
}
