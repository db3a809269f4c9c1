import Foundation

/// Whether AddressSanitizer or ThreadSanitizer runs along, which keep what has been freed.
package let isSanitized = ["__asan_init", "__tsan_init"].contains { (name: String) in
    dlsym(dlopen(nil, RTLD_NOW), name) != nil
}
