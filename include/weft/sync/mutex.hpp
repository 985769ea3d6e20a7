// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include <weft/sync/wait_queue.hpp>

namespace weft {

class condition_variable;
namespace detail {
class queue_core;
} // namespace detail

/// Mutual exclusion for tasks and plain threads: std::timed_mutex, but a task that waits for it leaves its core to others.
///
/// First come, first served: unlock hands the ownership over to whoever waits longest; nobody overtakes. It belongs to the
/// task, not to its thread: a task may wait while it holds it, and unlock it on another thread. Not recursive.
///
///     weft::mutex m;
///     { std::lock_guard guard(m); ... }        // also std::unique_lock, std::scoped_lock
///
/// Thread-safe. May be destroyed as soon as nobody holds it or waits for it, even while the unlock of the one before returns.
class mutex {
public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;

    /// Suspends while somebody else has it. Throws cancelled_error only then: without a wait it is no cancel point.
    void lock() {
        if (!try_lock()) [[unlikely]]
            lock_slow(detail::k_never);
    }

    /// Never suspends.
    [[nodiscard]] bool try_lock() noexcept {
        detail::wait_queue::state_type free = 0;
        // acquire pairs with unlock: what the last owner wrote is seen
        return queue_.change(free, k_locked, std::memory_order_acquire);
    }

    /// Suspends at most that long; false: somebody else has it still. Throws cancelled_error if it had to wait.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
        if (try_lock()) return true;
        const auto d = detail::to_nanoseconds(limit);
        return d.count() > 0 && lock_slow(detail::deadline_after(d));
    }
    /// The same until a time of any clock.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> t) {
        return try_lock() || lock_slow(detail::deadline_at(t));
    }

    /// By the owner. Never suspends, never throws.
    void unlock() noexcept {
        detail::wait_queue::state_type mine = k_locked;
        // release pairs with the acquire of try_lock
        if (!queue_.change(mine, 0, std::memory_order_release)) [[unlikely]]
            unlock_slow();
    }

private:
    friend struct detail::sync_probe;
    friend struct detail::co_sync;
    friend class condition_variable;
    friend class detail::queue_core;
    static constexpr detail::wait_queue::state_type k_locked = detail::wait_queue::k_one;

    bool lock_slow(detail::deadline_ns deadline, bool cancellable = true);
    void unlock_slow() noexcept;
    void lock_whatever_happens() noexcept;

    detail::wait_queue queue_;
};

} // namespace weft
