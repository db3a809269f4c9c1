import Testing

/// The whole path, on real parts over TCP: records on a broker process, workers, SSH sessions to devices, and the replies.
@Suite("From a job record to the devices and back", .cluster, .timeLimit(.minutes(3)))
enum Integration {}
