import Glibc

// The entry points of libFuzzer: only part of the program that `deploy/fuzz` builds.

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    if let violation = ParserChecks.violation(UnsafeBufferPointer(start: start, count: count)) {
        let text = Array("violation: \(violation)\n".utf8)
        write(STDERR_FILENO, text, text.count)
        abort()
    }
    return 0
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The name that SwiftPM gives to the main function of an executable target; libFuzzer's own is not linked in.
@_cdecl("ParserFuzzer_main")
func main(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    var count = count
    var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
    return runDriver(&count, &words, testOneInput)
}
