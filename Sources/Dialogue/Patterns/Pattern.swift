import CPCRE2

/// A compiled regular expression over bytes (PCRE2 with its just-in-time compiler).
///
/// Always case-insensitive and multi-line (`^` and `$` match at line ends: CR, LF or CR LF), as published platform definitions expect, and
/// never in UTF mode: devices send Latin-1 and broken UTF-8 too. `{,n}` is read as `{0,n}`, which PCRE2 itself does only since 10.43.
///
/// Matching is bounded: a pattern that runs away on some input is `abandoned`, never a hang.
///
/// Safe to use from any thread at once; see the comment at `code`.
package final class Pattern: Sendable {
    /// Which part of the subject a match must cover.
    package enum Extent: Sendable {
        /// Any part.
        case anywhere
        /// A part that reaches to the end of the subject.
        case ending
        /// All of it.
        case whole
    }

    package enum Outcome: Sendable, Hashable {
        /// Byte offsets of the leftmost match.
        case matched(Range<Int>)
        case noMatch
        /// The match cost more than the limits allow. Counts as no match; worth a note, because the pattern should be mended.
        case abandoned
    }

    /// The expression as it was written.
    package let source: String

    // Safety of the two pointers (PCRE2 manual, pcre2api, "Multithreading"): compiled code is not changed by matching, and after
    // `pcre2_jit_compile`, which runs in the initialiser before anyone else can see it, nothing here changes it again; a match context
    // whose values never change may be shared by all threads. What a match does write, the match data, is made for each call, and the
    // machine code runs on the caller's own stack, since no JIT stack is assigned. Both are freed in `deinit`, when no call can be under way.
    nonisolated(unsafe) private let code: OpaquePointer
    nonisolated(unsafe) private let limits: OpaquePointer

    /// Backtracking steps after which a match is given up: a few dozen µs. Prompts and failure messages need some hundreds at most.
    private static let matchLimit: UInt32 = 10_000
    /// Bounds for the interpreter, which takes over where the just-in-time compiler is not available: nesting, and KiB of heap.
    private static let depthLimit: UInt32 = 5_000
    private static let heapLimit: UInt32 = 1_024

    package init(_ source: String, extent: Extent = .anywhere) throws(PatternError) {
        var options = UInt32(PCRE2_CASELESS) | UInt32(PCRE2_MULTILINE) | UInt32(PCRE2_NEVER_UTF)
        switch extent {
        case .anywhere: break
        case .ending: options |= UInt32(PCRE2_ENDANCHORED)
        case .whole: options |= UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED)
        }
        let translation = QuantifierTranslation(source)
        guard let compileContext = pcre2_compile_context_create_8(nil) else { throw .outOfMemory(source) }
        defer { pcre2_compile_context_free_8(compileContext) }
        pcre2_set_newline_8(compileContext, UInt32(PCRE2_NEWLINE_ANYCRLF))

        var errorCode: Int32 = 0
        var errorOffset = 0
        let compiled = translation.pattern.withUnsafeBufferPointer { pattern in
            // The empty pattern needs an address as well.
            withUnsafePointer(to: 0 as UInt8) { empty in
                pcre2_compile_8(
                    pattern.baseAddress ?? empty,
                    pattern.count,
                    options,
                    &errorCode,
                    &errorOffset,
                    compileContext
                )
            }
        }
        guard let compiled else {
            throw PatternError(
                source: source,
                offset: translation.originalOffset(of: errorOffset),
                reason: Self.message(for: errorCode)
            )
        }
        guard let limits = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(compiled)
            throw .outOfMemory(source)
        }
        pcre2_set_match_limit_8(limits, Self.matchLimit)
        pcre2_set_depth_limit_8(limits, Self.depthLimit)
        pcre2_set_heap_limit_8(limits, Self.heapLimit)
        // Where this fails (no executable memory), the interpreter gives the same results more slowly.
        _ = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
        self.source = source
        self.code = compiled
        self.limits = limits
    }

    deinit {
        pcre2_match_context_free_8(self.limits)
        pcre2_code_free_8(self.code)
    }

    /// Looks for the leftmost match. Reads `subject` only during the call.
    package func firstMatch(in subject: UnsafeRawBufferPointer) -> Outcome {
        guard let data = pcre2_match_data_create_8(1, nil) else { return .abandoned }
        defer { pcre2_match_data_free_8(data) }
        let result = withUnsafePointer(to: 0 as UInt8) { empty in
            pcre2_match_8(
                self.code,
                subject.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? empty,
                subject.count,
                0,
                0,
                data,
                self.limits
            )
        }
        if result == PCRE2_ERROR_NOMATCH { return .noMatch }
        // 0 means that there are more groups than places in the match data; the first place holds the whole match all the same.
        guard result >= 0, let offsets = pcre2_get_ovector_pointer_8(data) else { return .abandoned }
        // `\K` in a look-ahead can put the start behind the end.
        guard offsets[0] <= offsets[1] else { return .noMatch }
        return .matched(offsets[0]..<offsets[1])
    }

    package func firstMatch(in bytes: [UInt8]) -> Outcome {
        bytes.withUnsafeBytes { self.firstMatch(in: $0) }
    }

    package func matches(_ bytes: [UInt8]) -> Bool {
        if case .matched = self.firstMatch(in: bytes) { return true }
        return false
    }

    /// The expression for text that stands for itself.
    package static func quoting(_ text: String) -> String {
        var quoted = ""
        for scalar in text.unicodeScalars {
            // A backslash before any ASCII character that is neither letter nor digit makes that character stand for itself.
            if scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted
    }

    private static func message(for code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
            let length = pcre2_get_error_message_8(code, buffer.baseAddress, buffer.count)
            guard length > 0 else { return "error \(code)" }
            return String(decoding: buffer.prefix(Int(length)), as: UTF8.self)
        }
    }
}
