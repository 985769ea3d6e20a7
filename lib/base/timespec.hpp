// SPDX-License-Identifier: Apache-2.0
// Between the kernel's seconds and nanoseconds, and ours.
#pragma once

#include <time.h>

#include <weft/base/clock.hpp>

namespace weft::detail {

inline timespec to_timespec(deadline_ns t) noexcept {
    return {t / 1'000'000'000, t % 1'000'000'000};
}

/// The reading of one of the kernel's clocks.
inline deadline_ns read_clock(clockid_t clock) noexcept {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

} // namespace weft::detail
