/// The one channel opening that libssh2 allows at a time in a session.
enum ChannelOpening {
    case channel(SessionChannel)
    /// Nobody wants the channel any more, but libssh2 still waits for the answer.
    case abandoned
    /// A channel in reserve, see ``ParkedChannel``.
    case spare

    var owner: SessionChannel? {
        if case .channel(let owner) = self { owner } else { nil }
    }
}

/// A channel without a program, kept because libssh2 takes in packets only on behalf of a channel: a session that has none can't
/// answer a server that asks whether the client is alive, and is cut off.
enum ParkedChannel {
    /// Its command has ended and both sides have closed it.
    case finished(LibSSH2Channel)
    /// Opened in reserve; the next request takes it.
    case fresh(LibSSH2Channel)

    var handle: LibSSH2Channel {
        switch self {
        case .finished(let handle), .fresh(let handle): handle
        }
    }
}
