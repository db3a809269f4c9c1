/// A command for a device.
public struct DeviceCommand: Sendable, Hashable {
    /// One line for a terminal; on platforms that run commands on exec channels (`linux`) it may have several.
    public var text: String
    /// How long the device may take, from the moment the command's turn has come. `nil`: the inventory's `general.timeout`.
    public var timeout: Duration?
    /// Whether the result holds the output. Turn it off for output that goes elsewhere while it comes.
    public var collectsOutput: Bool

    public init(_ text: String, timeout: Duration? = nil, collectsOutput: Bool = true) {
        self.text = text
        self.timeout = timeout
        self.collectsOutput = collectsOutput
    }
}
