import Crypto
import Foundation
import Jobs
import TestSupport
import Testing

extension Integration {
    @Suite("Files to and from a real server")
    struct FileOperations {
        private struct Stage {
            let fleet: Fleet
            let web: WebServer
            /// The artifact folder.
            let root: URL
            /// A folder on the device.
            let remote: URL

            func perform(_ operation: Jobs.Operation, id: String = UUID().uuidString, effect: Effect? = nil)
                async throws
                -> DeviceResult
            {
                try await self.fleet.perform(operation, on: "server1", id: id, effect: effect)
            }
        }

        private func withStage(_ body: (Stage) async throws -> Void) async throws {
            let server = try await OpenSSHServer.start(
                OpenSSHServer.Options(configuration: ["Subsystem sftp internal-sftp"]))
            defer { server.stop() }
            let entry =
                "server1: {host: 127.0.0.1, port: \(server.port), device_type: linux, user: \(server.username), private_key: {file: '\(server.clientKeyPath)'}}"
            try await Fleet.with(extraDevices: [entry]) { fleet in
                let web = try await WebServer.start(on: fleet.cluster.leash)
                defer { web.stop() }
                let stage = Stage(
                    fleet: fleet, web: web, root: fleet.folder.appendingPathComponent("artifacts"),
                    remote: fleet.folder.appendingPathComponent("remote"))
                for folder in [stage.root, stage.remote] {
                    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                }
                try await fleet.startWorkers("worker") {
                    $0.artifacts = stage.root.path
                    $0.maximumFileBytes = 3_000_000
                    $0.maximumInlineFileBytes = 2_000_000
                }
                try await body(stage)
                let left = try FileManager.default.contentsOfDirectory(atPath: stage.root.path)
                #expect(!left.contains { $0.hasPrefix(".tether-") }, "incomplete files stay: \(left)")
            }
        }

        private static func sha256(_ data: Data) -> String {
            SHA256.hash(data: data).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }

        @Test("a file is sent from the record, the artifact folder and an address, and its hash is proven")
        func upload() async throws {
            try await self.withStage { stage in
                let large = Data((0..<2_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) })
                try large.write(to: stage.root.appendingPathComponent("image.bin"))
                stage.web["image.bin"] = large
                let hash = Self.sha256(large)
                let sources: [(Jobs.Operation.Upload.Source, Data)] = [
                    (.inline(Array("hello".utf8)), Data("hello".utf8)), (.inline([]), Data()),
                    (.file("image.bin", sha256: hash), large), (.file("image.bin", sha256: nil), large),
                    (.url(stage.web.url("image.bin?signature=hunter2"), sha256: hash), large),
                    (.url(stage.web.url("away/image.bin"), sha256: hash), large),
                ]
                for (index, (source, content)) in sources.enumerated() {
                    let path = stage.remote.appendingPathComponent("file-\(index)")
                    let result = try await stage.perform(.upload(.init(source, remotePath: path.path)))
                    guard case .upload(let detail) = result.detail else { throw Unexpected("\(result)") }
                    #expect(result.outcome == .succeeded && detail.isAtomic && detail.size == content.count)
                    #expect(
                        detail.verification == .hash(algorithm: "sha256", digits: Self.sha256(content)), "\(detail)")
                    #expect(try Data(contentsOf: path) == content)
                }
            }
        }

        @Test("a file that can't be had, or is another one, is not sent, and no secret of its address is told")
        func refusedUploads() async throws {
            try await self.withStage { stage in
                try Data("hello".utf8).write(to: stage.root.appendingPathComponent("hello"))
                stage.web["hello"] = Data("hello".utf8)
                stage.web["huge"] = Data(count: 3_000_001)
                let right = Self.sha256(Data("hello".utf8))
                let wrong = String(repeating: "0", count: 64)
                let cases: [(Jobs.Operation.Upload.Source, String, Outcome)] = [
                    (.file("hello", sha256: wrong), "transfer.mismatch", .failed),
                    (.file("none", sha256: nil), "artifacts.failed", .failed),
                    (.url(stage.web.url("hello?hunter2"), sha256: wrong), "transfer.mismatch", .failed),
                    (.url(stage.web.url("none?hunter2"), sha256: right), "url.failed", .failed),
                    (.url(stage.web.url("huge?hunter2"), sha256: right), "transfer.too_large", .failed),
                    (.url(stage.web.url("loop?hunter2"), sha256: right), "url.refused", .rejected),
                    (.url(stage.web.url("file?hunter2"), sha256: right), "url.refused", .rejected),
                    (.url("http://127.0.0.1:1/x?hunter2", sha256: right), "url.failed", .failed),
                ]
                let path = stage.remote.appendingPathComponent("never")
                for (source, code, outcome) in cases {
                    let result = try await stage.perform(.upload(.init(source, remotePath: path.path)))
                    #expect(result.error?.code == code && result.outcome == outcome, "\(source): \(result)")
                    #expect(result.error?.message.contains("hunter2") == false && result.attempts == 0)
                }
                let denied = try await stage.perform(
                    .upload(.init(.inline([1]), remotePath: stage.remote.path + "/none/x")))
                #expect(denied.outcome == .failed && denied.error?.code == "transfer.no_such_file", "\(denied)")
                #expect(!FileManager.default.fileExists(atPath: path.path))
            }
        }

        @Test("a file is fetched into the result, into output records, the artifact folder and an address")
        func download() async throws {
            try await self.withStage { stage in
                let large = Data((0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) })
                let small = stage.remote.appendingPathComponent("small").path
                let big = stage.remote.appendingPathComponent("big").path
                try Data("hello\n".utf8).write(to: URL(fileURLWithPath: small))
                try large.write(to: URL(fileURLWithPath: big))

                let inline = try await stage.perform(.download(.init(small)))
                guard case .download(let detail) = inline.detail else { throw Unexpected("\(inline)") }
                #expect(detail.command == 0 && inline.commands.map(\.output) == [Array("hello\n".utf8)])

                let chunked = try await stage.perform(.download(.init(big)), id: "chunked")
                #expect(chunked.outcome == .succeeded && chunked.commands.map(\.output) == [nil])
                #expect(chunked.commands.map(\.outputSHA256) == [Self.sha256(large)])
                let pieces = try stage.fleet.replies.replies.compactMap { received -> Output? in
                    guard case .output(let output) = received.reply, output.job == "chunked" else { return nil }
                    return output
                }
                #expect(pieces.map(\.sequence) == Array(0..<pieces.count) && pieces.count > 10)
                #expect(Data(pieces.flatMap(\.bytes)) == large)

                let stored = try await stage.perform(.download(.init(big, to: .file("in/{device}/big"))))
                guard case .download(let kept) = stored.detail else { throw Unexpected("\(stored)") }
                #expect(kept.file == "in/server1/big" && kept.sha256 == Self.sha256(large))
                #expect(try Data(contentsOf: stage.root.appendingPathComponent("in/server1/big")) == large)

                for prefix in ["", "away/"] {
                    let put = try await stage.perform(
                        .download(.init(big, to: .url(stage.web.url("\(prefix){device}-{job}?hunter2")))),
                        id: "put\(prefix.count)")
                    guard case .download(let written) = put.detail else { throw Unexpected("\(put)") }
                    #expect(put.outcome == .succeeded && written.wasPut)
                    #expect(stage.web["server1-put\(prefix.count)"] == large)
                }
                let denied = try await stage.perform(.download(.init(small, to: .url(stage.web.url("denied?hunter2")))))
                #expect(denied.outcome == .failed && denied.error?.code == "url.failed")
                #expect(
                    denied.error?.message.contains("403") == true && denied.error?.message.contains("hunter2") == false)

                try Data(count: 2_000_001).write(to: URL(fileURLWithPath: big))
                let tooLarge = try await stage.perform(.download(.init(big)))
                #expect(tooLarge.outcome == .failed && tooLarge.error?.code == "transfer.too_large")
                let missing = try await stage.perform(.download(.init(small + "-none", to: .file("never"))))
                #expect(missing.outcome == .failed && missing.error?.code == "transfer.no_such_file")
                #expect(!FileManager.default.fileExists(atPath: stage.root.appendingPathComponent("never").path))
            }
        }

        @Test("upload, use, fetch and clean up, as steps of one job")
        func steps() async throws {
            try await self.withStage { stage in
                let path = stage.remote.appendingPathComponent("list").path
                let steps: [Jobs.Operation] = [
                    .run([Command("echo before")]),
                    .upload(.init(.inline(Array("b\na\n".utf8)), remotePath: path)),
                    .run([Command("sort -o \(path) \(path)")]),
                    .check([Assertion(Command("cat \(path)"), .equals("a\nb"))]),
                    .download(.init(path, to: .file("sorted"))),
                    .run([Command("rm \(path)")]),
                ]
                let result = try await stage.perform(.steps(steps))
                #expect(result.outcome == .succeeded, "\(result)")
                guard case .steps(let outcomes) = result.detail else { throw Unexpected("\(result)") }
                #expect(outcomes.count == steps.count && outcomes.allSatisfy { $0.outcome == .succeeded })
                #expect(try Data(contentsOf: stage.root.appendingPathComponent("sorted")) == Data("a\nb\n".utf8))
                #expect(!FileManager.default.fileExists(atPath: path))
            }
        }
    }
}
