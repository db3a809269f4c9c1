import Devices

extension Recipes {
    static func workflow(_ client: DeviceClient) async throws -> [String] {
        var lines: [String] = []
        // recipe: workflow
        let result = try await client.runSequence(
            "router1",
            [
                "show privilege",
                DeviceCommand("show interfaces", timeout: .seconds(60)),
                DeviceCommand("write memory", failurePatterns: ["^startup-config file open failed"]),
            ]
        )
        for step in result.steps {
            switch step.outcome {
            case .answered(let answer):
                lines.append("\(answer.command): \(answer.failure ?? "done after \(answer.elapsed)")")
            case .failed(let error):
                lines.append("\(step.command.text): \(error)")
            case .notRun:
                lines.append("\(step.command.text): not run")
            }
        }
        // end
        return lines
    }

    static func question(_ client: DeviceClient) async throws -> CommandResult {
        // recipe: question
        let copy = DeviceCommand(
            "copy running-config startup-config",
            answers: [.text("", to: #"destination filename \[[^]]*\]\?"#)]
        )
        let result = try await client.run("router1", copy)
        // end
        return result
    }

    static func streaming(_ client: DeviceClient, _ count: @escaping @Sendable (Int) -> Void) async throws {
        // recipe: streaming
        guard let device = client.inventory["router1"] else { return }
        let session = try await client.session(for: device)
        let command = DeviceCommand("show interfaces", collectsOutput: false)
        _ = try await session.run(command) { piece in
            count(piece.readableBytes)  // on the session's event loop, while the device prints
        }
        // end
    }

    static func check(_ client: DeviceClient) async throws -> CheckResult {
        // recipe: check
        let check = try await client.check(
            "router1",
            [
                OutputAssertion("show version", .matches(#"version 17\.(9|12)"#), name: "approved release"),
                OutputAssertion("show running-config", .contains("service password-encryption")),
                OutputAssertion("show running-config", .doesNotMatch(#"^snmp-server community (public|private)\b"#)),
            ]
        )
        for finding in check.failures {
            print("\(finding.assertion.name ?? finding.assertion.command.text): \(finding.failure ?? "")")
        }
        // end
        return check
    }

    static func diff(_ client: DeviceClient, _ file: String) async throws -> (String, Bool) {
        // recipe: diff
        let before = try await client.backup("router1", to: file)
        _ = try await client.configure("router1", ConfigurationChange(text: "hostname edge1"))
        let change = try await client.diff("router1", against: .backup(before))
        if change.hasChanged { print(change.unified) }  // as `diff -u` prints it
        // end
        // recipe: diff-file
        let sinceThen = try await client.diff("router1", against: .file(file), ignoring: ["^hostname "])
        // end
        return (change.unified, sinceThen.hasChanged)
    }
}
