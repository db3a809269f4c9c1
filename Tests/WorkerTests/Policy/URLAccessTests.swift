import Devices
import Testing

@testable import Worker

@Suite struct URLAccessTests {
    private static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

    @Test(
        "a name that leads to an address that isn't allowed is refused after the look-up, however the address is written",
        arguments: [
            "http://localhost/x", "http://2130706433/x", "http://0177.0.0.1/x", "http://0x7f.1/x", "http://127.1/x",
        ])
    func names(url: String) async throws {
        let error = await #expect(throws: DeviceError.self) { try await URLAccess().override(for: url + "?hunter2") }
        #expect(error?.code == "url.refused")
        #expect(error?.message.contains("hunter2") == false)
        let allowed = try await URLAccess(networks: Self.loopback).override(for: url)
        // The one that was judged is the one that is connected to.
        for address in allowed.values { #expect(["127.0.0.1", "::1"].contains(address)) }
    }

    @Test("an address is judged without a look-up, and a name that has none is told so")
    func literals() async throws {
        #expect(try await URLAccess().override(for: "http://93.184.216.34/x").isEmpty)
        #expect(try await URLAccess(networks: Self.loopback).override(for: "http://[::1]:80/x").isEmpty)
        let refused = [
            "http://10.0.0.1/", "http://[fd00::1]/", "http://[::]/", "http://0.0.0.0/", "http:///x", "nonsense",
        ]
        for url in refused {
            let error = await #expect(throws: DeviceError.self) { try await URLAccess().override(for: url) }
            #expect(error?.code == "url.refused", "\(url)")
        }
        let nowhere = await #expect(throws: DeviceError.self) {
            try await URLAccess().override(for: "http://nowhere.invalid/x")
        }
        #expect(nowhere?.code == "url.failed")
    }
}
