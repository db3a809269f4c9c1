import Devices

extension Recipes {
    static func backup(_ client: DeviceClient, _ folder: String) async -> [TargetResult<ConfigurationBackup>] {
        // recipe: backup
        let backups = await client.forEach(["all"], atMost: 50) { client, device throws(DeviceError) in
            try await client.backup(device, to: "\(folder)/\(device).cfg")
        }
        for case .failure(let error) in backups.map(\.result) { print(error) }
        // end
        return backups
    }

    static func download(_ client: DeviceClient, _ remote: String, _ local: String) async throws -> FileReceipt {
        // recipe: download
        let receipt = try await client.download("server1", remoteFile: remote, localPath: local)
        print("\(receipt.size) bytes, SHA-256 \(receipt.sha256)")
        if case .size(let reason) = receipt.verification { print("no hash was compared: \(reason)") }
        // end
        return receipt
    }

    static func uploadAndRun(_ client: DeviceClient, _ script: String, _ remote: String) async throws -> String {
        var report = ""
        // recipe: upload-and-run
        let receipt = try await client.upload("server1", localFile: script, remotePath: remote)
        guard case .hash = receipt.verification else { return "not verified" }
        let result = try await client.run("server1", "sh \(remote)")
        report = "exit status \(result.exitStatus ?? -1): \(result.text)"
        // end
        return report
    }
}
