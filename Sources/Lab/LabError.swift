/// Why the lab can't do what was asked.
package struct LabError: Error, CustomStringConvertible, Sendable {
    /// What happened and what to do about it.
    package let description: String

    package init(_ description: String) { self.description = description }
}
