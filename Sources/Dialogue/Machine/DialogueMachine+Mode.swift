extension DialogueMachine {
    /// Whether the device is where a new conversation would begin: in the platform's default mode, as far as its prompt tells.
    package var isInDefaultMode: Bool {
        guard let defaultMode = self.rules.defaultMode else { return true }
        return self.mode == defaultMode
    }
}
