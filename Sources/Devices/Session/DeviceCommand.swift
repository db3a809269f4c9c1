/// A command for a device.
public struct DeviceCommand: Sendable, Hashable {
    /// One line for a terminal; on platforms that run commands on exec channels (`linux`) it may have several.
    public var text: String
    /// How long the device may take, from the moment the command's turn has come. `nil`: the inventory's `general.timeout`.
    public var timeout: Duration?
    /// Whether the result holds the output. Turn it off for output that goes elsewhere while it comes.
    public var collectsOutput: Bool
    /// Whether the return key waits until the device has echoed the text. Until then the command provably has not run, so that a lost session
    /// leaves no doubt. Costs a round trip: turn it off for commands that may be repeated. Only matters in terminals.
    public var waitsForEcho: Bool

    public init(_ text: String, timeout: Duration? = nil, collectsOutput: Bool = true, waitsForEcho: Bool = true) {
        self.text = text
        self.timeout = timeout
        self.collectsOutput = collectsOutput
        self.waitsForEcho = waitsForEcho
    }
}
