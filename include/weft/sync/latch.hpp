// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>

#include <weft/sync/wait_queue.hpp>

namespace weft {

/// A counter that goes down to zero once, and can be waited for: std::latch for tasks and plain threads.
///
///     weft::latch done(2);
///     weft::create_task([&] { ...; done.count_down(); });
///     weft::create_task([&] { ...; done.count_down(); });
///     done.wait();
///
/// Thread-safe. May be destroyed by whoever has learnt that it is zero, even before the last count_down returns.
class latch {
public:
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return k_most; }

    /// Less than zero or more than max(): std::invalid_argument.
    explicit constexpr latch(std::ptrdiff_t expected)
        : queue_(static_cast<detail::wait_queue::state_type>(expected) *
                 detail::wait_queue::k_one) {
        if (expected < 0 || expected > k_most)
            throw std::invalid_argument("weft::latch: expected must be from 0 to max()");
    }
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;

    /// Never suspends. By more than is left: std::logic_error, and nothing is counted.
    void count_down(std::ptrdiff_t n = 1);

    /// Has it come to zero? Never suspends.
    [[nodiscard]] bool try_wait() const noexcept {
        // acquire pairs with count_down: what came before each of them is seen
        return queue_.load(std::memory_order_acquire) < detail::wait_queue::k_one;
    }

    /// Suspends until it is zero. A cancel point where it waits, and every 1000th time anyway.
    void wait() {
        detail::operation_point();
        if (!try_wait()) wait_slow();
    }

    /// A cancelled one has counted, it only does not wait any more.
    void arrive_and_wait(std::ptrdiff_t n = 1) {
        count_down(n);
        wait();
    }

private:
    friend struct detail::sync_probe;
    static constexpr std::ptrdiff_t k_most = std::numeric_limits<std::ptrdiff_t>::max() / 4;
    void wait_slow();

    detail::wait_queue queue_; // its state: what is left
};

} // namespace weft
