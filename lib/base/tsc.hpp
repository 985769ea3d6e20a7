// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <weft/base/clock.hpp>

namespace weft::detail {

#if defined(__x86_64__)
inline constexpr unsigned k_coarse_shift = 8; // some GHz
inline constexpr unsigned k_waiting_shift = 20;
#else
inline constexpr unsigned k_coarse_shift = 4; // a GHz at most
inline constexpr unsigned k_waiting_shift = 14;
#endif

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

/// From one reading to a later one. Another core's counter may be some ticks ahead: none have passed then.
inline std::uint64_t tsc_between(std::uint64_t from, std::uint64_t to) noexcept {
    return to > from ? to - from : 0;
}

/// The same in 32 bits, in steps of less than 1 us, for differences of up to some minutes.
inline std::uint32_t coarse_tsc() noexcept {
    return static_cast<std::uint32_t>(read_tsc() >> k_coarse_shift);
}
/// From `then` until now; 0 where the clocks of two cores, or the marker of a step that is never 0, say that it is yet to come.
inline std::uint32_t coarse_steps_since(std::uint32_t then) noexcept {
    const auto steps = static_cast<std::int32_t>(coarse_tsc() - then);
    return steps < 0 ? 0 : static_cast<std::uint32_t>(steps);
}
double tsc_ns(std::uint64_t ticks) noexcept;
/// That many steps of coarse_tsc in nanoseconds.
inline double coarse_tsc_ns(std::uint64_t steps) noexcept {
    return tsc_ns(steps << k_coarse_shift);
}

/// For how long somebody waits: steps of less than 1 ms, for differences of up to some days.
constexpr std::uint32_t waiting_steps(std::uint64_t tsc) noexcept {
    return static_cast<std::uint32_t>(tsc >> k_waiting_shift);
}
/// From those steps until now, in nanoseconds.
inline double waiting_ns(std::uint32_t since) noexcept {
    const auto steps = static_cast<std::int32_t>(waiting_steps(read_tsc()) - since);
    return steps <= 0 ? 0 : tsc_ns(static_cast<std::uint64_t>(steps) << k_waiting_shift);
}

/// Ticks per nanosecond, as a 32.32 fixed-point number; measured once, at the start of the first runtime.
std::uint64_t tsc_rate() noexcept;

inline std::uint64_t tsc_ticks(deadline_ns d) noexcept {
    return (static_cast<std::uint64_t>(d) * (tsc_rate() >> 16)) >> 16;
}

} // namespace weft::detail
