/// A platform definition that can't be used: names the file, the key, and what is expected there.
package struct PlatformError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String
    package init(message: String) { self.message = message }
    package var description: String { self.message }
}
