import CLibSSH

/// One session channel: a shell or one command, and the ``Console`` that serves it. Belongs to its connection's thread.
final class DeviceChannel {
    private let handle: ssh_channel
    private unowned let connection: DeviceConnection
    private let callbacks: UnsafeMutablePointer<ssh_channel_callbacks_struct>
    private var console: Console?
    private var rows = 0
    private var isShell = false
    /// Requests and input that arrived in the current round. libssh's callbacks only collect: nothing is sent from inside them.
    private var start: Start?
    private var input: [UInt8] = []
    private var isClosedByClient = false

    private var output: [UInt8] = []
    private var outputStart = 0
    private var errorOutput: [UInt8] = []
    /// What to do once the output is out.
    private var afterOutput: Console.Next?
    private var pauseEnd: ContinuousClock.Instant?
    private var idleEnd: ContinuousClock.Instant?
    /// A hung shell stays hung.
    private var isHung = false
    private(set) var isFinished = false

    private enum Start {
        case shell
        case exec(String)
    }

    init(_ handle: ssh_channel, of connection: DeviceConnection) {
        self.handle = handle
        self.connection = connection
        callbacks = .allocate(capacity: 1)
        callbacks.initialize(to: ssh_channel_callbacks_struct())
        callbacks.pointee.userdata = Unmanaged.passUnretained(self).toOpaque()
        callbacks.pointee.channel_data_function = dataReceived
        callbacks.pointee.channel_close_function = closedByClient
        callbacks.pointee.channel_pty_request_function = terminalRequested
        callbacks.pointee.channel_shell_request_function = shellRequested
        callbacks.pointee.channel_exec_request_function = execRequested
        lab_channel_callbacks_init(callbacks)
        ssh_set_channel_callbacks(handle, callbacks)
    }

    deinit { callbacks.deallocate() }

    /// Frees the C channel. Nothing may be called afterwards.
    func free() {
        ssh_remove_channel_callbacks(handle, callbacks)
        ssh_channel_free(handle)
    }

    /// Whether the device hangs up when this channel ends: a network device's shell is its connection.
    var endsConnection: Bool { isShell && connection.device.personality != .linux && !isClosedByClient }

    /// When ``process()`` must be called next even if nothing arrives.
    var nextDeadline: ContinuousClock.Instant? {
        [pauseEnd, idleEnd].compactMap { $0 }.min()
    }

    // MARK: - Collected by callbacks

    func received(_ bytes: UnsafeRawBufferPointer) { input.append(contentsOf: bytes) }
    func setTerminal(rows: Int32) { self.rows = Int(rows) }
    func closed() { isClosedByClient = true }

    func requestShell() -> Bool {
        guard console == nil, start == nil else { return false }
        start = .shell
        return true
    }

    func request(command: String) -> Bool {
        guard console == nil, start == nil else { return false }
        start = .exec(command)
        return true
    }

    // MARK: - One round

    /// Does what has become possible: starts the console, feeds it, sends.
    func process() {
        guard !isFinished else { return }
        if isClosedByClient {
            isFinished = true
            return
        }
        if connection.device.fault == .hangAfterLogin { isHung = true }
        if let start { begin(start) }
        if !input.isEmpty {
            let bytes = input
            input.removeAll(keepingCapacity: true)
            if isShell { idleEnd = connection.device.options.execTimeout.map { .now + $0 } }
            feed { $0.receive(bytes, device: &$1) }
        }
        // More than one round when typed-ahead commands have no delay between them.
        while let end = pauseEnd, end <= .now {
            pauseEnd = nil
            feed { $0.pauseEnded(device: &$1) }
        }
        if let end = idleEnd, end <= .now {
            idleEnd = nil
            afterOutput = .close(status: 0)
        }
        send()
    }

    private func begin(_ start: Start) {
        self.start = nil
        let device = connection.device
        guard let login = connection.login else { return }
        switch start {
        case .shell:
            isShell = true
            idleEnd = device.options.execTimeout.map { .now + $0 }
            console = Console(
                personality: device.personality, user: login, rows: rows,
                startsPrivileged: device.options.startsPrivileged
            )
            feed { $0.open(device: &$1) }
        case .exec(let command):
            console = Console(
                personality: device.personality, user: login, rows: rows,
                startsPrivileged: device.options.startsPrivileged, isInteractive: false
            )
            feed { $0.run(command, device: &$1) }
        }
    }

    private func feed(_ body: (inout Console, inout DeviceState) -> Console.Output) {
        guard !isHung, afterOutput == nil, var console else { return }
        // Out of its place while it works, so that the value isn't copied.
        self.console = nil
        let result = connection.device.perform(
            session: connection.session, clientPort: connection.clientPort, user: connection.login?.name ?? ""
        ) { body(&console, &$0) }
        self.console = console
        if output.isEmpty { output = result.bytes } else { output += result.bytes }
        errorOutput += result.errorBytes
        switch result.next {
        case .unchanged: break
        case .input: pauseEnd = nil
        case .pause(let duration): pauseEnd = .now + duration
        case .close, .drop, .restart:
            pauseEnd = nil
            afterOutput = result.next
        }
    }

    private func send() {
        let step = connection.device.fault == .oneByteWrites ? 1 : 1 << 16
        while outputStart < output.count {
            let count = min(step, output.count - outputStart)
            let written = output.withUnsafeBytes { bytes in
                bytes.baseAddress.map { ssh_channel_write(handle, $0 + outputStart, UInt32(count)) } ?? 0
            }
            // 0: the client's window is full; a window adjustment wakes the thread.
            guard written > 0 else {
                if written < 0 { isFinished = true }
                return
            }
            outputStart += Int(written)
        }
        output.removeAll(keepingCapacity: output.capacity <= 1 << 16)
        outputStart = 0
        if !errorOutput.isEmpty {
            _ = errorOutput.withUnsafeBytes { ssh_channel_write_stderr(handle, $0.baseAddress, UInt32($0.count)) }
            errorOutput = []
        }
        guard let afterOutput else { return }
        switch afterOutput {
        case .close(let status):
            ssh_channel_request_send_exit_status(handle, status)
            ssh_channel_send_eof(handle)
            ssh_channel_close(handle)
        case .restart:
            connection.device.dropConnections()
            connection.end(cut: true)
        default: connection.end(cut: true)
        }
        isFinished = true
    }
}

// The callbacks run on the connection's thread, inside libssh calls made there. `userdata` is the channel, which removes them before it
// goes away.

private func channel(_ userdata: UnsafeMutableRawPointer?) -> DeviceChannel? {
    userdata.map { Unmanaged<DeviceChannel>.fromOpaque($0).takeUnretainedValue() }
}

private func dataReceived(
    _ session: ssh_session?,
    _ handle: ssh_channel?,
    _ data: UnsafeMutableRawPointer?,
    _ length: UInt32,
    _ isError: Int32,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    channel(userdata)?.received(UnsafeRawBufferPointer(start: data, count: Int(length)))
    return Int32(length)
}

private func closedByClient(_ session: ssh_session?, _ handle: ssh_channel?, _ userdata: UnsafeMutableRawPointer?) {
    channel(userdata)?.closed()
}

private func terminalRequested(
    _ session: ssh_session?,
    _ handle: ssh_channel?,
    _ terminal: UnsafePointer<CChar>?,
    _ columns: Int32,
    _ rows: Int32,
    _ pixelWidth: Int32,
    _ pixelHeight: Int32,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    channel(userdata)?.setTerminal(rows: rows)
    return 0
}

private func shellRequested(
    _ session: ssh_session?,
    _ handle: ssh_channel?,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    channel(userdata)?.requestShell() == true ? 0 : 1
}

private func execRequested(
    _ session: ssh_session?,
    _ handle: ssh_channel?,
    _ command: UnsafePointer<CChar>?,
    _ userdata: UnsafeMutableRawPointer?
) -> Int32 {
    guard let command else { return 1 }
    return channel(userdata)?.request(command: String(cString: command)) == true ? 0 : 1
}
