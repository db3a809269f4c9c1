import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A web server on a free port that answers each request with bytes that a closure chooses, and keeps what it was asked.
final class HTTPAnswers: Sendable {
    struct Request: Sendable {
        var path: String
        /// Names in lower case.
        var headers: [String: String]
    }

    enum Answer: Sendable {
        case json(String)
        case status(String, headers: [String] = [])
        /// These bytes, and then the end of the connection.
        case cut(String)
        case never
    }

    private struct State {
        var requests: [Request] = []
        var answer: @Sendable (Request) -> Answer
    }

    private let state: NIOLockedValueBox<State>
    private let channel: any Channel

    var requests: [Request] { self.state.withLockedValue { $0.requests } }
    var port: Int { self.channel.localAddress?.port ?? 0 }
    func url(_ path: String) -> String { "http://127.0.0.1:\(self.port)\(path)" }
    func answer(_ answer: @escaping @Sendable (Request) -> Answer) { self.state.withLockedValue { $0.answer = answer } }

    /// A server for the time of `body`.
    static func with(
        _ answer: @escaping @Sendable (Request) -> Answer, _ body: (HTTPAnswers) async throws -> Void
    ) async throws {
        let state = NIOLockedValueBox(State(answer: answer))
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(state: state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = HTTPAnswers(state: state, channel: channel)
        do {
            try await body(server)
        } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
    }

    private init(state: NIOLockedValueBox<State>, channel: any Channel) {
        self.state = state
        self.channel = channel
    }

    /// Confined to its channel's event loop.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let state: NIOLockedValueBox<State>
        private var text = ""

        init(state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.text += String(buffer: self.unwrapInboundIn(data))
            while let end = self.text.range(of: "\r\n\r\n") {
                let lines = self.text[..<end.lowerBound].split(separator: "\r\n")
                self.text = String(self.text[end.upperBound...])
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] =
                        line[line.index(after: colon)...].trimmingPrefix(" ").description
                }
                let words = lines.first?.split(separator: " ") ?? []
                let request = Request(path: words.count > 1 ? String(words[1]) : "", headers: headers)
                let answer = self.state.withLockedValue { state in
                    state.requests.append(request)
                    return state.answer(request)
                }
                self.write(answer, context)
            }
        }

        private func write(_ answer: Answer, _ context: ChannelHandlerContext) {
            func write(_ text: String) {
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            }
            switch answer {
            case .json(let body): write("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            case .status(let status, let headers):
                write("HTTP/1.1 \(status)\r\n\(headers.map { "\($0)\r\n" }.joined())Content-Length: 0\r\n\r\n")
            case .cut(let text):
                write(text)
                context.close(promise: nil)
            case .never: break
            }
        }
    }
}
