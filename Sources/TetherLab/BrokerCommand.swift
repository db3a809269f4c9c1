import ArgumentParser
import Foundation
import Lab
import Logging

/// `tether-lab broker`: the development broker and the proxy in front of it until a signal.
struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Run the development broker behind a proxy until SIGTERM or SIGINT."
    )

    @Option(help: "Path of the executable `noida-db`; a name alone is looked up in PATH.")
    var binary = "noida-db"

    @Option(help: "Folder for the broker's data; a new one for each run.")
    var dataDir: String

    @Option(help: "Port for clients (of the proxy).")
    var port = 9_092

    @Option(help: "Port of the broker itself; 0 takes a free one.")
    var upstreamPort = 0

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Host that clients are told to connect to, if not the one listened on.")
    var advertisedHost: String?

    @Option(help: "HOST:PORT of the control port.")
    var control: Endpoint?

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        let termination = await Termination()
        let broker = try await DevelopmentBroker.start(
            binary: path(of: binary), dataDirectory: dataDir, port: upstreamPort)
        do {
            try await serve(broker, until: termination)
        } catch {
            await broker.stop()
            throw error
        }
        await broker.stop()
    }

    private func path(of binary: String) -> String {
        guard !binary.contains("/") else { return binary }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(binary)" }.first { FileManager.default.isExecutableFile(atPath: $0) } ?? binary
    }

    private func serve(_ broker: DevelopmentBroker, until termination: Termination) async throws {
        let proxy = try await BrokerProxy.start(
            host: host,
            port: port,
            upstreamHost: "127.0.0.1",
            upstreamPort: broker.port,
            options: BrokerProxy.Options(advertisedHost: advertisedHost)
        )
        var server: ControlServer?
        if let control {
            server = try await ControlServer.start(host: control.host, port: control.port) { words in
                await BrokerControl.answer(words, proxy: proxy) { termination.request() }
            }
        }
        var ready =
            "ready bootstrap=\(proxy.bootstrapServers) upstream=127.0.0.1:\(broker.port) pid=\(broker.processIdentifier)"
        if let server, let control { ready += " control=\(control.host):\(server.port)" }
        Output.line(ready)
        broker.whenEnded { termination.request() }
        await termination.wait()
        let endedByItself = !broker.isRunning
        // Clients first, so that nothing more is acknowledged than the broker saves.
        await server?.stop()
        await proxy.stop()
        if endedByItself { throw LabError("the broker has ended by itself; see broker.log in \(dataDir)") }
    }
}
