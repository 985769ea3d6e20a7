// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>

#include <atomic>

#include <weft/base/clock.hpp>

#include "base/timespec.hpp"

namespace weft::detail {

/// Where a runtime's time comes from: CLOCK_MONOTONIC, or a number that only the null backend moves (tests).
class time_source {
public:
    explicit time_source(bool is_virtual = false) noexcept : virtual_(is_virtual) {}

    [[nodiscard]] deadline_ns now() const noexcept {
        return virtual_ ? at_.load(std::memory_order_relaxed) : monotonic_now();
    }
    [[nodiscard]] bool is_virtual() const noexcept { return virtual_; }
    void advance_to(deadline_ns t) noexcept {
        if (t > at_.load(std::memory_order_relaxed)) at_.store(t, std::memory_order_relaxed);
    }

    static deadline_ns monotonic_now() noexcept { return read_clock(CLOCK_MONOTONIC); }

    /// The calling thread, until then on the monotonic clock.
    static void sleep_until(deadline_ns t) noexcept {
        const timespec until = to_timespec(t);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {}
    }

private:
    const bool virtual_;
    std::atomic<deadline_ns> at_{1'000'000'000};
};

} // namespace weft::detail
