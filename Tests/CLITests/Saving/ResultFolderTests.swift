import Crypto
import Foundation
import Jobs
import Testing

@testable import TetherCLI

@Suite("File names made of text from elsewhere")
struct SafeFileNameTests {
    @Test(
        "stay readable where that is safe",
        arguments: [
            ("router1.example.net", "router1.example.net"), ("show version", "show_version"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_."), (".", "_"), ("", "_"), ("-rf", "_rf"), (".hidden", "_hidden"), ("a/b\\c:d", "a_b_c_d"),
            ("show \u{1B}[2J\n", "show___2J_"), ("漢字", "__"), ("a\0b", "a_b"),
        ])
    func readable(text: String, expected: String) {
        #expect(SafeFileName.readable(text) == expected)
    }

    @Test("never lead out of a folder, hide, look like an option, or get too long, whatever the text")
    func random() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let pieces = ["..", "/", "\\", ".", "-", "~", " ", "\0", "\n", "\u{1B}", "漢", "a", "Z", "0", "_", "👍", ":"]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }.joined()
            for name in [SafeFileName.readable(text), SafeFileName.unique(text)] {
                #expect(
                    !name.isEmpty && name.utf8.count <= 100 && !name.contains("/") && !name.hasPrefix(".")
                        && !name.hasPrefix("-") && !name.hasPrefix("~")
                        && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "seed \(seed): \(text.debugDescription)")
            }
        }
    }

    @Test("different devices have different folders")
    func unique() {
        let names = [
            "a b", "a_b", "a/b", "a.b", "[2001:db8::7]:22", "[2001:db8::7]:23", String(repeating: "x", count: 200),
        ]
        #expect(Set(names.map(SafeFileName.unique)).count == names.count)
        #expect(SafeFileName.unique("router1") == "router1")
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("Results in a folder")
struct ResultFolderTests {
    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tether-save-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    /// Every file below a folder with its text.
    private func files(in folder: URL) throws -> [String: String] {
        var files: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            var isFolder: ObjCBool = false
            let path = folder.appendingPathComponent(name).path
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            files[name] = try String(decoding: Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        }
        return files
    }

    private struct Index: Decodable {
        struct Device: Decodable {
            struct Command: Decodable {
                var command: String
                var outcome: String
                var file: String?
                var bytes: Int?
                var sha256: String?
                var complete: Bool?
            }
            struct Trouble: Decodable { var code: String }
            var device: String
            var outcome: String
            var error: Trouble?
            var diff: String?
            var commands: [Command]
        }
        var version: Int
        var job: String
        var tasks: Int?
        var devices: [Device]
    }

    private func index(of folder: URL) throws -> Index {
        try JSONDecoder().decode(Index.self, from: Data(contentsOf: folder.appendingPathComponent("index.json")))
    }

    private func sha256(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test("a file for each device and command, and an index that says what is where")
    func layout() throws {
        try self.inFolder { path in
            let folder = try ResultFolder(path.path, job: "nightly")
            let commands = [
                Sample.command("show version", "1.0\n"), Sample.command("show ip int | inc up", "eth0\u{1B}\n"),
            ]
            try folder.take(Sample.accepted(2))
            try folder.take(Sample.result("router1", commands: commands))
            try folder.take(Sample.result("router2", .failed, code: "connect.timeout"))
            try folder.finish(tasks: 2)
            var files = try self.files(in: path)
            files["index.json"] = nil
            #expect(
                files == [
                    "router1/01-show_version.txt": "1.0\n", "router1/02-show_ip_int___inc_up.txt": "eth0\u{1B}\n",
                ])
            let index = try self.index(of: path)
            #expect(index.version == 1 && index.job == "nightly" && index.tasks == 2)
            #expect(index.devices.map(\.device) == ["router1", "router2"])
            #expect(index.devices[1].outcome == "failed" && index.devices[1].error?.code == "connect.timeout")
            let saved = index.devices[0].commands[0]
            #expect(saved.command == "show version" && saved.file == "router1/01-show_version.txt")
            #expect(saved.bytes == 4 && saved.complete == true && saved.sha256 == self.sha256("1.0\n"))
        }
    }

    @Test("no device's name leads out of the folder, and no two devices share one")
    func hostileNames() throws {
        try self.inFolder { path in
            let inside = path.appendingPathComponent("inside")
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            let folder = try ResultFolder(inside.path, job: "job")
            let names = [
                "../../out", "..", "/etc/passwd", "a/b", "a_b", "R1", "r1", "index.json", ".unfinished", "\u{0}",
            ]
            for name in names { try folder.take(Sample.result(name, commands: [Sample.command("../x", name)])) }
            try folder.finish(tasks: nil)
            #expect(try FileManager.default.contentsOfDirectory(atPath: path.path) == ["inside"])
            let index = try self.index(of: inside)
            let files = try index.devices.map { try #require($0.commands[0].file) }
            #expect(Set(files.map { $0.lowercased() }).count == names.count)
            for (device, file) in zip(index.devices, files) {
                #expect(file.split(separator: "/").count == 2)
                let text = try String(contentsOf: inside.appendingPathComponent(file), encoding: .utf8)
                #expect(text == device.device)
            }
        }
    }

    @Test("output in pieces is put together, and the hash tells whether all of it is there")
    func pieces() throws {
        try self.inFolder { path in
            let folder = try ResultFolder(path.path, job: "job")
            for (sequence, text) in ["one\n", "two\n", "three\n"].enumerated() {
                try folder.take(Sample.output("a", sequence, text))
                // A record of b's is lost.
                if sequence != 1 { try folder.take(Sample.output("b", sequence, text)) }
            }
            let whole = "one\ntwo\nthree\n"
            for device in ["a", "b"] {
                let command = Sample.command("show", nil, bytes: whole.utf8.count, sha256: self.sha256(whole))
                try folder.take(Sample.result(device, commands: [command]))
            }
            try folder.take(Sample.result("c", commands: [Sample.command("show", nil, bytes: 9)]))
            try folder.finish(tasks: 3)
            let index = try self.index(of: path)
            #expect(index.devices.map { $0.commands[0].complete } == [true, false, nil])
            let files = try self.files(in: path)
            #expect(files["a/01-show.txt"] == whole)
            #expect(files["b/01-show.txt"] == "one\nthree\n")
            #expect(files.keys.sorted() == ["a/01-show.txt", "b/01-show.txt", "index.json"])
        }
    }

    @Test("what an earlier attempt or a worker that died had sent is void")
    func attempts() throws {
        try self.inFolder { path in
            let folder = try ResultFolder(path.path, job: "job")
            try folder.take(Sample.output("a", 0, "void"))
            try folder.take(Sample.output("a", 1, "good", attempt: 2))
            try folder.take(Sample.output("a", 1, "void again", attempt: 1))
            try folder.take(Sample.result("a", commands: [Sample.command("x", nil, bytes: 4)]))
            try folder.take(Sample.output("b", 0, "void"))
            try folder.take(Sample.output("b", 1, "void"))
            try folder.take(Sample.output("b", 0, "good"))
            try folder.take(Sample.result("b", commands: [Sample.command("x", nil, bytes: 4)]))
            try folder.finish(tasks: 2)
            let files = try self.files(in: path)
            #expect(files["a/01-x.txt"] == "good")
            #expect(files["b/01-x.txt"] == "good")
            #expect(try self.index(of: path).devices.map { $0.commands[0].complete } == [true, true])
        }
    }

    @Test("downloads keep their names, differences get a file, and a second run replaces both")
    func kinds() throws {
        try self.inFolder { path in
            for text in ["first", "second"] {
                let folder = try ResultFolder(path.path, job: "job")
                #expect(!FileManager.default.fileExists(atPath: path.appendingPathComponent("index.json").path))
                let transfer = TransferDetail(
                    remotePath: "flash:/backup/../a b.rsc", size: 5, sha256: "", isAtomic: true,
                    verification: .size(reason: ""), command: 0)
                try folder.take(
                    Sample.result(
                        "a", commands: [Sample.command("download flash:x", text)], detail: .download(transfer)))
                try folder.take(Sample.result("b", detail: .diff(DiffDetail(unified: text, removed: 1, added: 1))))
                try folder.finish(tasks: 2)
                var files = try self.files(in: path)
                files["index.json"] = nil
                #expect(files == ["a/01-a_b.rsc": text, "b/diff.txt": text])
                #expect(try self.index(of: path).devices[1].diff == "b/diff.txt")
            }
        }
    }

    @Test("a link in the place of a device's folder is not followed")
    func links() throws {
        try self.inFolder { path in
            let elsewhere = path.appendingPathComponent("elsewhere")
            let inside = path.appendingPathComponent("inside")
            for folder in [elsewhere, inside] {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            }
            try FileManager.default.createSymbolicLink(
                at: inside.appendingPathComponent("a"), withDestinationURL: elsewhere)
            let folder = try ResultFolder(inside.path, job: "job")
            #expect(throws: CommandFailure.self) {
                try folder.take(Sample.result("a", commands: [Sample.command("x", "y")]))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere.path).isEmpty)
        }
    }
}
