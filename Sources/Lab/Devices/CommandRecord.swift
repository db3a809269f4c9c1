/// One command line that a device began to execute. Passwords and answers to questions are never recorded.
package struct CommandRecord: Sendable, Hashable {
    package var command: String
    package var at: Timestamp
    /// Number of the connection, counted over the whole farm.
    package var session: Int
    /// Port of the client's end of the connection: tells processes apart.
    package var clientPort: Int
    package var user: String
}
