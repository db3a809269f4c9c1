import NIOCore

/// Looking into frames.
extension ProxyConnection {
    /// Rebalances that may have begun since the last one ended.
    private static let mostBegunRebalances: Int32 = 8

    /// The request for the broker.
    func inspect(request frame: ByteBuffer, at now: NIODeadline) -> ByteBuffer {
        proxy.counters.requests += 1
        guard let key = frame.getInteger(at: frame.readerIndex + 4, as: Int16.self).flatMap(ApiKey.init) else {
            return frame
        }
        var reader = KafkaReader(frame)
        guard let header = try? RequestHeader(&reader) else { return frame }
        if let commit = TransactionCommitFrame(header, reader),
            let error = proxy.watch.refusal(commit.group, commit.member, generation: commit.generation)
        {
            proxy.logger.info(
                "offsets in a transaction refused",
                metadata: ["group": "\(commit.group)", "member": "\(commit.member.id)", "error": "\(error)"])
            proxy.counters.refusedOffsets += 1
            awaited[header.correlationID] = .answer(commit.response(error: error))
            return TransactionFrames.placeholder(correlationID: header.correlationID)
        }
        if let step = OpenTransactions.Step(header, reader) {
            proxy.transactions.forwarded(step, at: now)
            proxy.scheduleExpiry()
            switch step.action {
            case .initialize: awaited[header.correlationID] = .initialization(step, version: header.apiVersion)
            case .end: awaited[header.correlationID] = .end(step, version: header.apiVersion)
            case .open, .commitOffsets: break
            }
            return frame
        }
        if key == .heartbeat || key == .offsetCommit, let refused = refusal(of: frame, header, reader) {
            return refused
        }
        look(into: frame, header, &reader, key, at: now)
        return frame
    }

    /// What to send instead of the request of a stranger; `nil` when it comes from a member.
    private func refusal(of frame: ByteBuffer, _ header: RequestHeader, _ body: KafkaReader) -> ByteBuffer? {
        var reader = body
        guard case .heartbeat(let group, let member)? = try? GroupRequest(header, &reader), !member.id.isEmpty,
            proxy.watch.isStranger(group, member)
        else { return nil }
        guard header.known == .heartbeat else {
            // A generation that never was: the broker answers for each partition.
            return CommitFrame(frame, header, body)?.with(generation: .max)
        }
        awaited[header.correlationID] = .answer(
            GroupResponse.heartbeat(header, error: GroupResponse.unknownMember))
        return TransactionFrames.placeholder(correlationID: header.correlationID)
    }

    private func look(
        into frame: ByteBuffer, _ header: RequestHeader, _ reader: inout KafkaReader, _ key: ApiKey, at now: NIODeadline
    ) {
        let version = header.apiVersion
        switch key {
        case .metadata, .findCoordinator:
            awaited[header.correlationID] = .rewrite(key, version: version)
            return
        case .offsetFetch:
            let groups = OffsetFetchFrames.groupsAskedStably(header, reader)
            let unstable = groups.reduce(into: [:]) { $0[$1] = proxy.transactions.unstableOffsets(of: $1) }
                .filter { !$0.value.isEmpty }
            if unstable.isEmpty { return }
            proxy.counters.unstableOffsets += 1
            awaited[header.correlationID] = .offsets(unstable, version: version)
            return
        case .fetch:
            let request = AbortMarkers.Request(header, reader)
            let wait = proxy.options.holdsEmptyFetches ? try? FetchFrames.maximumWait(header, &reader) : nil
            awaited[header.correlationID] = .fetch(
                request, version: version, until: now + (wait ?? .zero), production: proxy.production)
            return
        case .produce where proxy.options.holdsEmptyFetches:
            if (try? FetchFrames.producerWaits(header, &reader)) == true {
                awaited[header.correlationID] = .production
            } else {
                proxy.produced()
            }
            return
        default: break
        }
        let body = reader
        guard proxy.options.expiresSessions, let request = try? GroupRequest(header, &reader) else { return }
        proxy.watch.forwarded(request, as: .init(connection: id, correlationID: header.correlationID), at: now)
        switch key {
        case .offsetCommit:
            if let commit = CommitFrame(frame, header, body) {
                awaited[header.correlationID] = .commit(commit, raised: 0)
            }
        case .joinGroup: awaited[header.correlationID] = .join(version: version)
        case .syncGroup: awaited[header.correlationID] = .sync
        case .heartbeat:
            awaited[header.correlationID] = .heartbeat(request, version: version, flexible: header.isFlexible)
        default: break
        }
        proxy.scheduleExpiry()
    }

    /// How long an answer to a fetch is to be held; `nil`: not at all, or it is none. Notices what was produced.
    func fetchWait(_ frame: ByteBuffer, at now: NIODeadline) -> TimeAmount? {
        guard let correlationID = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self) else { return nil }
        switch awaited[correlationID] {
        case .production:
            awaited[correlationID] = nil
            proxy.produced()
            return nil
        case .fetch(_, let version, let until, let production):
            guard production == proxy.production, until > now, FetchFrames.isEmpty(frame, version: version) else {
                return nil
            }
            return until - now
        default: return nil
        }
    }

    /// The response for the client; `nil` when another one will take its place.
    func inspect(response frame: ByteBuffer, at now: NIODeadline) -> ByteBuffer? {
        guard let correlationID = frame.getInteger(at: frame.readerIndex + 4, as: Int32.self),
            let awaited = awaited.removeValue(forKey: correlationID)
        else { return frame }
        let request = GroupWatch.RequestID(connection: id, correlationID: correlationID)
        switch awaited {
        case .rewrite(let key, let version): return proxy.rewrite.rewrite(frame, of: key, version: version)
        case .join(let version):
            if let answer = try? GroupResponse.join(frame, version: version) {
                proxy.watch.joined(
                    request, error: answer.error, generation: answer.generation, memberID: answer.memberID, at: now)
            }
        case .sync: proxy.watch.synced(request, at: now)
        case .commit(let commit, let raised):
            // One member after the other may have begun to join again, and the broker counts each time.
            guard raised < Self.mostBegunRebalances, commit.isRefusedForGeneration(frame),
                proxy.watch.mayCommit(commit.group, commit.memberID, generation: commit.generation)
            else { return frame }
            self.awaited[correlationID] = .commit(commit, raised: raised + 1)
            broker?.writeAndFlush(commit.with(generation: commit.generation + raised + 1), promise: nil)
            return nil
        case .heartbeat(.heartbeat(let group, let member), let version, let flexible):
            let error = try? GroupResponse.error(frame, version: version, flexible: flexible)
            if error == GroupResponse.unknownMember || error == GroupResponse.fencedInstance {
                proxy.watch.refused(group, member)
            }
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
            return OffsetFetchFrames.hide(unstable, in: frame, version: version)
        case .answer(let answer): return answer
        case .fetch(let fetch?, _, _, _): return proxy.abortMarkers.correct(frame, of: fetch)
        case .heartbeat, .fetch, .production: break
        }
        return frame
    }
}
