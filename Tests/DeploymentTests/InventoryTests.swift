import Devices
import Foundation
import TestSupport
import Testing

@Suite("Inventories beside the manifests")
struct InventoryTests {
    private static let deploy = Repository.root.appendingPathComponent("deploy")

    @Test("the compose file's has the devices of its lab")
    func compose() throws {
        let inventory = try Inventory(path: Self.deploy.appendingPathComponent("inventory.yaml").path)
        #expect(inventory.deviceNames.count == 10)
        #expect(
            inventory.resolve(["group:lab"]).devices.compactMap { inventory[$0]?.port }.sorted() == Array(20000..<20010)
        )
        let compose = try String(contentsOf: Self.deploy.appendingPathComponent("compose.yaml"), encoding: .utf8)
        #expect(compose.contains(#"--base-port, "20000", --count, "10""#))
    }

    @Test("the manifests' one takes its password from the secret")
    func kubernetes() throws {
        let text = try String(
            contentsOf: Self.deploy.appendingPathComponent("kubernetes/inventory.yaml"), encoding: .utf8)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tether-inventory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let secret = folder.appendingPathComponent("default")
        try Data("from the secret\n".utf8).write(to: secret)
        #expect(text.contains("/run/secrets/tether/default"))
        try Data(text.replacing("/run/secrets/tether/default", with: secret.path).utf8)
            .write(to: folder.appendingPathComponent("inventory.yaml"))
        let inventory = try Inventory(path: folder.path)
        #expect(inventory.deviceNames.sorted() == ["router1", "router2"])
        let manifest = try String(
            contentsOf: Self.deploy.appendingPathComponent("kubernetes/statefulset.yaml"), encoding: .utf8)
        #expect(manifest.contains("{name: credentials, mountPath: /run/secrets/tether, readOnly: true}"))
    }
}
