/// A JSON text as a value.
///
/// A number without fraction and exponent that fits is an `integer`; every other one is a `number`.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// What kind of value it is, with its article, for messages. Never the value itself: it might be a secret.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// The members of a JSON object, in the order in which they were written. Names don't repeat.
///
/// A list, not a dictionary: the objects of the contract have a dozen members, and comparing short strings is faster than hashing them.
package struct JSONObject: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    package var members: [Member]

    package init(_ members: [Member] = []) {
        self.members = members
    }

    /// The value of a member; `nil` when there is none. Setting adds, replaces or (with `nil`) removes a member.
    package subscript(_ name: String) -> JSONValue? {
        get {
            for member in self.members where member.name == name { return member.value }
            return nil
        }
        set {
            let index = self.members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): self.members[index].value = value
            case (let index?, nil): self.members.remove(at: index)
            case (nil, let value?): self.members.append(Member(name, value))
            case (nil, nil): break
            }
        }
    }
}
