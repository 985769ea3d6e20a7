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
    // Not chrono's ceil: it multiplies before it divides, and overflows inside the range for periods like 1/60 s.
    const auto down = static_cast<std::int64_t>(n);
    return std::chrono::nanoseconds(static_cast<long double>(down) < n ? down + 1 : down);
}

/// a - b, held at the ends of the range.
constexpr std::chrono::nanoseconds saturating_minus(std::chrono::nanoseconds a,
                                                    std::chrono::nanoseconds b) noexcept {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(a.count(), b.count(), &difference))
        return a.count() < 0 ? std::chrono::nanoseconds::min() : std::chrono::nanoseconds::max();
    return std::chrono::nanoseconds(difference);
}

/// A time of any clock as a deadline: the distance to that clock's now, taken once.
template <class Clock, class Duration>
deadline_ns deadline_at(std::chrono::time_point<Clock, Duration> t) noexcept {
    if constexpr (std::is_same_v<Clock, clock>)
        return to_nanoseconds(t.time_since_epoch()).count();
    else // both ends held in range first: a time point's min or max is no distance that can be subtracted
        return deadline_after(saturating_minus(to_nanoseconds(t.time_since_epoch()),
                                               to_nanoseconds(Clock::now().time_since_epoch())));
}

} // namespace detail
} // namespace weft
