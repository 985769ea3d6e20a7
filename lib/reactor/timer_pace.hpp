// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <weft/base/clock.hpp>

namespace weft::detail {

/// How exactly a sleep ends for a timer. Where they are few, at its deadline. Where they come in a crowd, one every 50 us or
/// less, a sleep for each would cost more than all that they do: then it lasts a step of 100 us at least, and serves those
/// of the step together. No timer is later for that than one that is due while a task computes (the look). Not thread-safe.
class timer_pace {
public:
    static constexpr deadline_ns k_step = 100'000;

    [[nodiscard]] bool is_crowd() const noexcept { return gap_ < k_crowd; }
    void fired(unsigned count) noexcept { count_ += count; }
    /// At the end of each sleep.
    void slept(deadline_ns now) noexcept {
        if (count_ == 0) return;
        gap_ += (std::min(now - last_, k_longest) / count_ - gap_) / 16;
        last_ = now;
        count_ = 0;
    }

private:
    static constexpr deadline_ns k_crowd = k_step / 2, k_longest = 1'000'000;
    deadline_ns gap_ = k_longest; // between timers, on the average
    deadline_ns last_ = 0;        // until when they were counted
    deadline_ns count_ = 0;       // that have fired since
};

} // namespace weft::detail
