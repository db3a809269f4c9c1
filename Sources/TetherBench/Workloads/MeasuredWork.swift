import Lab

/// A piece of work for a process of its own, and how each program that can do it is started.
struct MeasuredWork: Sendable {
    var mode: MeasuredClient.Mode
    /// With ``MeasuredClient/Mode/connect``, those in flight.
    var sessions: Int
    /// Connections or commands in all.
    var count: Int
    var command = "show clock"
    /// Whether sessions send the return key only when they have seen the echo, as they do before a change.
    var waitsForEcho = false
    /// A program that takes longer has failed.
    var limit = Duration.seconds(180)

    /// By the minimal C program on libssh2.
    func runReference(on devices: SimulatedDevices) async throws -> Measurement {
        var arguments = [
            self.mode.rawValue, devices.host, "\(devices.count)", "\(devices.port)", devices.user, devices.password,
        ]
        switch self.mode {
        case .connect: arguments += ["\(self.count)", "\(self.sessions)"]
        case .visit: arguments += ["\(self.count)", self.command]
        case .warm, .exec: arguments += ["\(self.sessions)", "\(self.count)", self.command]
        case .idle: arguments += ["\(self.sessions)"]
        }
        return try await self.run(ChildProcess(try SiblingProgram.url("BenchFloor"), arguments))
    }

    /// By this program, started anew.
    func run(_ engine: MeasuredClient.Engine, on devices: SimulatedDevices) async throws -> Measurement {
        let arguments = ["client", self.mode.rawValue, "--engine", engine.rawValue] + self.options(devices)
        return try await self.run(
            ChildProcess(
                try SiblingProgram.url("TetherBench"), arguments + (self.waitsForEcho ? ["--waits-for-echo"] : [])))
    }

    /// By another library.
    func run(_ peer: Peer, of environments: PeerEnvironments, on devices: SimulatedDevices) async throws -> Measurement
    {
        let leastOutput = self.command.split(separator: " ").last.flatMap { Int($0) } ?? 1
        let arguments = [environments.program, self.mode.rawValue, "--library", peer.rawValue] + self.options(devices)
        return try await self.run(
            ChildProcess(environments.interpreter(of: peer), arguments + ["--least-output", "\(leastOutput)"]))
    }

    private func options(_ devices: SimulatedDevices) -> [String] {
        [
            "--host", devices.host, "--hosts", "\(devices.count)", "--port", "\(devices.port)", "--user", devices.user,
            "--password", devices.password, "--sessions", "\(self.sessions)", "--count", "\(self.count)",
            "--command", self.command,
        ]
    }

    private func run(_ process: ChildProcess) async throws -> Measurement {
        do {
            return try Measurement(lastLineOf: try await process.output(within: self.limit))
        } catch {
            await process.stop()
            throw error
        }
    }
}
