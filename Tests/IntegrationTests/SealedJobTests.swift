import Foundation
import Jobs
import Lab
import Testing
import Worker

extension Integration {
    @Suite("Sealed credentials in jobs")
    struct SealedJobs {
        private static func tether(_ arguments: String..., input: String = "") async throws -> (
            status: Int32, output: String, errors: String
        ) {
            let result = try await ChildProcess.run(
                SiblingProgram.url("tether").path, arguments, input: Data(input.utf8), on: Cluster.current.leash)
            return (result.status, String(decoding: result.output, as: UTF8.self), result.errors)
        }

        /// What `tether seal` prints, as it stands in a job.
        private static func seal(_ key: String, _ arguments: String...) async throws -> JobCredential {
            let result = try await ChildProcess.run(
                SiblingProgram.url("tether").path, ["seal", "--key", key] + arguments,
                input: Data(#"{"user": "netops", "password": "n3t"}"#.utf8), on: Cluster.current.leash)
            #expect(result.status == 0, "\(result.errors)")
            let text = String(decoding: result.output, as: UTF8.self)
            let job = try Job(
                decoding: Array(#"{"targets": ["a"], "operation": {"type": "probe"}, "credential": \#(text)}"#.utf8))
            return try #require(job.credential)
        }

        @Test(
            "keys are made, rotated and listed; what is sealed logs in as its user, on its devices, in its time, by old keys and new ones"
        )
        func endToEnd() async throws {
            try await Fleet.with(devices: 2) { fleet in
                for device in fleet.devices { device.setPassword("n3t", of: "netops") }
                let (first, second) = (fleet.devices[0].name, fleet.devices[1].name)
                let keys = fleet.folder.appendingPathComponent("keys").path
                let generated = try await Self.tether("keys", "generate", "--directory", keys)
                #expect(generated.status == 0, "\(generated.errors)")
                let publicKey = fleet.folder.appendingPathComponent("sealing.pub").path
                try generated.output.write(toFile: publicKey, atomically: true, encoding: .utf8)
                #expect(try await Self.tether("keys", "public", "--directory", keys).output == generated.output)
                #expect(try await Self.tether("keys", "generate", "--directory", keys).status != 0, "there is one")

                _ = try await fleet.startProcesses("worker", arguments: ["--sealing-keys", keys])
                func run(_ id: String, _ credential: JobCredential?, on device: String = first) async throws
                    -> DeviceResult
                {
                    try await fleet.submit(
                        Job(
                            id: id, targets: [device], operation: .run([Command("lab output 5")]), effect: .read,
                            credential: credential))
                    return try await fleet.replies.result(of: id)
                }
                let sealed = try await Self.seal(publicKey)
                #expect(try await run("own", nil).outcome == .succeeded)
                #expect(try await run("sealed", sealed).outcome == .succeeded)
                #expect(try await run("own-again", nil).session?.reused == true)
                let users = fleet.devices[0].commands.filter { $0.command == "lab output 5" }.map(\.user)
                #expect(users == ["admin", "netops", "admin"])

                // Another key, while the worker runs.
                let rotated = try await Self.tether("keys", "rotate", "--directory", keys)
                let newKey = fleet.folder.appendingPathComponent("new.pub").path
                try rotated.output.write(toFile: newKey, atomically: true, encoding: .utf8)
                #expect(rotated.output != generated.output)
                let list = try await Self.tether("keys", "list", "--directory", keys).output
                #expect(list.split(separator: "\n").count == 2)
                let byNewKey = try await Self.seal(newKey)
                #expect(try await run("new-key", byNewKey).outcome == .succeeded)
                #expect(try await run("old-key", sealed).outcome == .succeeded)

                // What somebody who may write jobs could try with what he read.
                let narrow = try await Self.seal(publicKey, "--target", second, "--job", "only")
                let cases: [(id: String, credential: JobCredential, device: String, problem: String?)] = [
                    ("only", narrow, second, nil),
                    ("other", narrow, second, "it was sealed for another job"),
                    (
                        "replayed", try await Self.seal(publicKey, "--target", "\(second)*"), first,
                        "it was sealed for other devices"
                    ),
                    (
                        "expired", try await Self.seal(publicKey, "--valid-for", "1ms"), first,
                        "it has expired; seal it anew"
                    ),
                    (
                        "damaged", .sealed("1.0123456789abcdef.AAAA.AAAA"), first,
                        "this worker doesn't have the key 0123456789abcdef"
                    ),
                ]
                for (id, credential, device, problem) in cases {
                    let result = try await run(id, credential, on: device)
                    #expect(
                        result.error?.code == (problem == nil ? nil : "credential.sealed"),
                        "\(id): \(String(describing: result.error))")
                    if let problem { #expect(result.error?.message.contains(problem) == true, "\(id)") }
                    #expect((result.error?.retriable ?? false) == false)
                }
                // Tasks carry what was sealed, and never more.
                let tasks = try await TopicLog(fleet.topics.tasks, on: fleet.cluster)
                try await tasks.readToEnd()
                let texts = tasks.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
                #expect(texts.contains { $0.contains(#""sealed":"1."#) } && !texts.contains { $0.contains("n3t") })
                await tasks.close()
            }
        }

        @Test("a worker without keys says so; one with a key that others may read doesn't start")
        func withoutKeys() async throws {
            try await Fleet.with { fleet in
                let keys = fleet.folder.appendingPathComponent("keys").path
                let key = try SealingKeys.generate(in: keys, now: 1)
                try await fleet.startWorkers("worker")
                let sealed = try SealedPayload(user: "netops", password: "n3t", expires: .max).sealed(to: key.publicKey)
                try await fleet.submit(
                    Job(id: "a", targets: [fleet.device.name], operation: .probe, credential: .sealed(sealed)))
                let result = try await fleet.replies.result(of: "a")
                #expect(result.error?.code == "credential.sealed")
                #expect(result.error?.message.contains("this worker has no keys for it (`--sealing-keys`)") == true)
                #expect(fleet.device.counters.failedLogins == 0)

                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o644], ofItemAtPath: "\(keys)/\(key.publicKey.id).key")
                let refused = try await Self.tether(
                    "worker", "--kafka", "localhost:1", "--inventory", fleet.inventory, "--sealing-keys", keys)
                #expect(refused.status != 0 && refused.errors.contains("chmod 600"))
            }
        }

        @Test(
            "`tether seal` takes secrets from nowhere but its input, and says what is wrong with it",
            arguments: [
                ("", "Standard input is not one JSON object."), ("[]", "Standard input is not one JSON object."),
                (#"{"user": "a"}"#, "There is neither a password nor a private key to seal."),
                (#"{"pass": "hunter2"}"#, "The field pass is unknown"),
                (#"{"password": 7}"#, "The field password is no text."),
            ])
        func badInput(input: String, problem: String) async throws {
            let folder = try Cluster.current.leash.folder.appendingPathComponent("keys-\(UUID().uuidString)").path
            let key = try SealingKeys.generate(in: folder, now: 1)
            let path = "\(folder)/sealing.pub"
            try key.publicKey.text.write(toFile: path, atomically: true, encoding: .utf8)
            let result = try await Self.tether("seal", "--key", path, input: input)
            #expect(result.status != 0 && result.output.isEmpty)
            #expect(result.errors.contains(problem) && !result.errors.contains("hunter2"), "\(result.errors)")
            let wrongKey = try await Self.tether(
                "seal", "--key", "\(folder)/\(key.publicKey.id).key", input: #"{"password": "x"}"#)
            #expect(wrongKey.status != 0 && wrongKey.errors.contains("is no public key"))
        }
    }
}
