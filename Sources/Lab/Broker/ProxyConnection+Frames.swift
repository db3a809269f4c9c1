import NIOCore

/// Looking into frames that go to the broker and come from it.
extension ProxyConnection {
    /// Notes what a request for the broker means.
    ///
    /// - Parameter body: at the first byte after the header.
    /// - Returns: what is to be done with the response; `nil` when none will come.
    func inspect(request header: RequestHeader, _ body: KafkaReader, at now: NIODeadline) -> Awaited? {
        let version = header.apiVersion
        var reader = body
        if let step = OpenTransactions.Step(header, body) {
            proxy.transactions.forwarded(step, at: now)
            proxy.scheduleExpiry()
            switch step.action {
            case .initialize: return .initialization(step, version: version)
            case .end: return .end(step, version: version)
            case .open, .commitOffsets: return .nothing
            }
        }
        switch header.known {
        case .metadata: return .rewrite(.metadata, version: version)
        case .findCoordinator: return .rewrite(.findCoordinator, version: version)
        case .offsetFetch:
            let groups = OffsetFetchFrames.groupsAskedStably(header, reader)
            let unstable = groups.reduce(into: [:]) { $0[$1] = proxy.transactions.unstableOffsets(of: $1) }
                .filter { !$0.value.isEmpty }
            if unstable.isEmpty { return .nothing }
            proxy.counters.unstableOffsets += 1
            return .offsets(unstable, version: version)
        case .fetch:
            let request = AbortMarkers.Request(header, reader)
            let wait = proxy.options.holdsEmptyFetches ? try? FetchFrames.maximumWait(header, &reader) : nil
            return .fetch(request, version: version, until: now + (wait ?? .zero), production: proxy.production)
        case .produce:
            if (try? FetchFrames.producerWaits(header, &reader)) != false { return .production }
            proxy.produced()
            return nil
        default: return .nothing
        }
    }

    /// The response for the client, and how long it is to be held, if it is an empty answer to a fetch.
    func inspect(response frame: ByteBuffer, at now: NIODeadline) -> (ByteBuffer, hold: TimeAmount?) {
        guard let correlationID = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self),
            let awaited = awaited.removeValue(forKey: correlationID)
        else { return (frame, nil) }
        switch awaited {
        case .nothing: break
        case .rewrite(let key, let version): return (proxy.rewrite.rewrite(frame, of: key, version: version), nil)
        case .production: proxy.produced()
        case .initialization(let step, let version):
            if case .initialize(let timeout) = step.action,
                let producer = TransactionFrames.initialized(frame, version: version)
            {
                proxy.transactions.initialized(step.transaction, timeout: timeout, as: producer)
                proxy.produced()
            }
        case .end(let step, let version):
            if TransactionFrames.isOver(frame, version: version) { proxy.transactions.ended(step) }
            proxy.produced()
        case .offsets(let unstable, let version):
            return (OffsetFetchFrames.hide(unstable, in: frame, version: version), nil)
        case .fetch(let request, let version, let until, let production):
            let isHeld =
                production == proxy.production && until > now && FetchFrames.isEmpty(frame, version: version)
            let answer = request.map { proxy.abortMarkers.correct(frame, of: $0) } ?? frame
            return (answer, isHeld ? until - now : nil)
        }
        return (frame, nil)
    }
}
