import Foundation
import Logging
import TestSupport
import Testing

@testable import Operations

/// Pictures of the status page in Chromium, for people to look at: `TETHER_STATUS_SCREENSHOTS=FOLDER`. The devices are made up.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["TETHER_STATUS_SCREENSHOTS"] != nil), .serialized)
struct StatusScreenshots {
    @Test("the page at 0, 50 and 10,000 devices, light and dark, wide and narrow", arguments: [0, 50, 10_000])
    func pictures(devices: Int) async throws {
        let folder = try #require(ProcessInfo.processInfo.environment["TETHER_STATUS_SCREENSHOTS"])
        let source = SyntheticWorker(devices: devices)
        source.change { state in
            guard devices > 0 else { return }
            state.failureCounts = [.failed: devices / 50, .unknown: 1]
            state.troubles = (1...3).map {
                .init(
                    device: "lon-core-down-\($0)", code: "connect.timeout",
                    message: "lon-core-down-\($0): no TCP connection to 192.0.2.\($0):22 within 10 s",
                    age: .seconds(4_000 * $0),
                    last: 1_795_000_000_000, failures: 12 * $0)
            }
        }
        try await TestServer.with({ bound in
            OperationsServer(
                .init(address: .init(host: "127.0.0.1", port: 0), version: "0.1.0"), source: source,
                registry: MetricRegistry(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                bound: bound)
        }) { port in
            let script = #"""
                import subprocess, sys
                folder, devices, port = sys.argv[1:]
                for name, size, scheme in [("light", "1366,1500", "1"), ("dark", "1366,1500", "0"), ("narrow", "500,1500", "1")]:
                    subprocess.run(
                        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--timeout=4000",
                         f"--window-size={size}", f"--blink-settings=preferredColorScheme={scheme}",
                         f"--screenshot={folder}/status-{devices}-{name}.png", f"http://127.0.0.1:{port}/status"],
                        check=True, timeout=90, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                """#
            _ = try await Python.run(script, input: Data(), arguments: [folder, String(devices), String(port)])
        }
    }
}
