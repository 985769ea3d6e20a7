// SPDX-License-Identifier: Apache-2.0
// What the compiler and the platform give; the only place that asks for them.
#pragma once

#if !defined(__linux__) || !defined(__LP64__)
#    error "weft needs 64-bit Linux"
#endif

#if defined(__SANITIZE_ADDRESS__)
#    define WEFT_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define WEFT_ASAN 1
#    endif
#endif
#ifndef WEFT_ASAN
#    define WEFT_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#    define WEFT_TSAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define WEFT_TSAN 1
#    endif
#endif
#ifndef WEFT_TSAN
#    define WEFT_TSAN 0
#endif

namespace weft::detail {

inline constexpr bool k_asan = WEFT_ASAN != 0;
inline constexpr bool k_tsan = WEFT_TSAN != 0;

/// Two of the 64-byte lines that x86 prefetches in pairs.
inline constexpr unsigned k_cache_line = 128;

} // namespace weft::detail
