// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <weft/base/clock.hpp>

namespace weft::detail {

/// A counter that runs at a constant rate, read without a fence: for "has so much time passed?".
inline std::uint64_t read_tsc() noexcept {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    std::uint64_t t;
    asm volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#endif
}

/// Ticks per nanosecond, as a 32.32 fixed-point number; measured once, at the start of the first runtime.
std::uint64_t tsc_rate() noexcept;

inline std::uint64_t tsc_ticks(deadline_ns d) noexcept {
    return (static_cast<std::uint64_t>(d) * (tsc_rate() >> 16)) >> 16;
}

} // namespace weft::detail
