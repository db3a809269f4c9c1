extension PlatformDefinition {
    /// What the return key sends; also ends a secret.
    package var lineEnding: [UInt8] { self.rules.lineEnding }
}
