import NIOCore

/// A request that may belong to a turn: several requests in a row that no other comes between.
protocol QueuedRequest: Identifiable {
    var turn: ID? { get }
}

/// Whose turn it is on a session: one command at a time, in order of arrival. A value; the session performs what it says.
struct CommandQueue<Request: QueuedRequest> {
    private(set) var running: Request?
    /// Begins small: thousands of sessions wait for their next command, which is nearly always the only one.
    private var waiting = CircularBuffer<Request>(initialCapacity: 2)
    /// The turn that the session is given to: only its requests start.
    private(set) var holder: Request.ID?
    /// Nothing is taken any more, and why.
    private(set) var refusal: DeviceError?

    init() {}

    var waitingCount: Int { self.waiting.count }
    /// Whether there is nothing to do.
    var isEmpty: Bool { self.running == nil && self.holder == nil && self.waiting.isEmpty }

    /// - Throws: the reason, when nothing is taken any more.
    mutating func append(_ request: Request) throws(DeviceError) {
        if let refusal { throw refusal }
        self.waiting.append(request)
    }

    /// The next request, when its turn has come. From then on it is `running`.
    mutating func startNext() -> Request? {
        guard self.running == nil, self.refusal == nil else { return nil }
        guard let holder = self.holder else {
            self.running = self.waiting.popFirst()
            return self.running
        }
        guard let position = self.waiting.firstIndex(where: { $0.turn == holder }) else { return nil }
        self.running = self.waiting.remove(at: position)
        return self.running
    }

    /// The running request is over.
    mutating func finish() -> Request? {
        defer { self.running = nil }
        return self.running
    }

    /// Gives the session to a turn until `endTurn`.
    mutating func beginTurn(_ id: Request.ID) { self.holder = id }

    mutating func endTurn(_ id: Request.ID) {
        if self.holder == id { self.holder = nil }
    }

    enum Cancellation {
        /// It hadn't begun; it has left the queue.
        case left(Request)
        /// Its turn has come: it must be interrupted.
        case isRunning
        case isUnknown
    }

    mutating func cancel(_ id: Request.ID) -> Cancellation {
        if self.running?.id == id { return .isRunning }
        guard let position = self.waiting.firstIndex(where: { $0.id == id }) else { return .isUnknown }
        return .left(self.waiting.remove(at: position))
    }

    /// Takes nothing any more; gives back who still waits. The first reason stays.
    mutating func refuse(_ error: DeviceError) -> [Request] {
        self.refusal = self.refusal ?? error
        defer { self.waiting.removeAll() }
        return Array(self.waiting)
    }
}
