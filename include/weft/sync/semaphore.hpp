// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include <weft/sync/wait_queue.hpp>

namespace weft {
namespace detail {

/// A semaphore whose limit is a number; counting_semaphore is the public face.
class semaphore_core {
public:
    static constexpr std::ptrdiff_t k_most = std::numeric_limits<std::ptrdiff_t>::max() / 4;

    constexpr semaphore_core(std::ptrdiff_t permits, std::ptrdiff_t most)
        : queue_(static_cast<wait_queue::state_type>(permits) * wait_queue::k_one) {
        if (permits < 0 || permits > most)
            throw std::invalid_argument(
                "weft::counting_semaphore: permits must be from 0 to max()");
    }

    bool try_acquire() noexcept {
        for (;;) {
            wait_queue::state_type now = queue_.load_unguarded();
            if (now < wait_queue::k_one || (now & wait_queue::k_waiters) != 0) return false;
            // acquire pairs with the release of release and of wait_queue::unlock
            if (queue_.change(now, now - wait_queue::k_one, std::memory_order_acquire)) return true;
        }
    }
    bool acquire_slow(deadline_ns deadline);
    void release(std::ptrdiff_t n, std::ptrdiff_t most);

private:
    friend struct sync_probe;
    friend struct co_sync;
    wait_queue queue_; // its state: the free permits; none while somebody waits
};

} // namespace detail

/// Permits that anybody may give and take: std::counting_semaphore for tasks and plain threads.
///
/// First come, first served: a permit goes to who waits longest, and a newcomer does not overtake. A cancelled or timed-out
/// waiter takes none, and one that was given a permit before the cancel keeps it: no permit is ever lost.
///
///     weft::counting_semaphore<8> slots(8);
///     slots.acquire();  ...  slots.release();
///
/// Thread-safe. May be destroyed by the one whom a release let in, even before that release returns.
template <std::ptrdiff_t LeastMax = detail::semaphore_core::k_most>
class counting_semaphore {
    static_assert(LeastMax >= 0 && LeastMax <= detail::semaphore_core::k_most);

public:
    /// More permits than max(), or less than none: std::invalid_argument.
    explicit constexpr counting_semaphore(std::ptrdiff_t permits) : core_(permits, LeastMax) {}

    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return LeastMax; }

    /// Takes a permit; suspends while there is none. A cancel point where it waits, and every 1000th time anyway.
    void acquire() {
        detail::operation_point();
        if (!core_.try_acquire()) core_.acquire_slow(detail::k_never);
    }
    /// Never suspends. False: there is none, or others wait for the next.
    [[nodiscard]] bool try_acquire() noexcept { return core_.try_acquire(); }
    /// Suspends at most that long; false: no permit was taken. A cancel point as acquire.
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(std::chrono::duration<Rep, Period> limit) {
        detail::operation_point();
        if (core_.try_acquire()) return true;
        const auto d = detail::to_nanoseconds(limit);
        return d.count() > 0 && core_.acquire_slow(detail::deadline_after(d));
    }
    /// The same until a time of any clock.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(std::chrono::time_point<Clock, Duration> t) {
        detail::operation_point();
        return core_.try_acquire() || core_.acquire_slow(detail::deadline_at(t));
    }

    /// Gives n permits, to those who wait first. Never suspends. Past max(): std::logic_error, and nothing is given.
    void release(std::ptrdiff_t n = 1) { core_.release(n, LeastMax); }

private:
    friend struct detail::sync_probe;
    friend struct detail::co_sync;
    detail::semaphore_core core_;
};

using binary_semaphore = counting_semaphore<1>;

} // namespace weft
