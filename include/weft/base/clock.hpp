// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace weft {

/// The clock of loop.time() and of every deadline in the library: monotonic (CLOCK_MONOTONIC), nanoseconds.
/// Under virtual time, `now()` called in a task gives the runtime's time.
struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock, duration>;
    static constexpr bool is_steady = true;

    /// Thread-safe, does not suspend.
    static time_point now() noexcept;
};

namespace detail {

/// A deadline in nanoseconds of weft::clock; k_never is none.
using deadline_ns = std::int64_t;
inline constexpr deadline_ns k_never = std::numeric_limits<std::int64_t>::max();

/// now + d, without overflow; a negative d is now.
deadline_ns deadline_after(std::chrono::nanoseconds d) noexcept;

/// Any duration as nanoseconds, held at the ends of the range instead of overflowing, rounded up: never early.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds to_nanoseconds(std::chrono::duration<Rep, Period> d) noexcept {
    using wide = std::chrono::duration<long double, std::nano>;
    const long double n = std::chrono::duration_cast<wide>(d).count();
    if (n >= 9.2e18L) return std::chrono::nanoseconds::max();
    if (!(n > -9.2e18L)) return std::chrono::nanoseconds::min();
    return std::chrono::ceil<std::chrono::nanoseconds>(d);
}

/// A time of any clock as a deadline: the distance to that clock's now, taken once.
template <class Clock, class Duration>
deadline_ns deadline_at(std::chrono::time_point<Clock, Duration> t) noexcept {
    if constexpr (std::is_same_v<Clock, clock>)
        return to_nanoseconds(t.time_since_epoch()).count();
    else
        return deadline_after(to_nanoseconds(t - Clock::now()));
}

} // namespace detail
} // namespace weft
