// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include <weft/sync/wait_queue.hpp>

namespace weft {

/// A flag that can be waited for: asyncio.Event for tasks and plain threads.
///
/// set wakes all who wait at that moment, in order of arrival; they do not look at the flag again, so a clear that follows
/// at once takes nothing from them.
///
///     weft::event ready;
///     auto server = weft::create_task([&] { ...; ready.set(); ... });
///     ready.wait();
///
/// Thread-safe. May be destroyed by the one whom set woke, even before that set returns.
class event {
public:
    constexpr event() noexcept = default;
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    /// Never suspends, never throws. What was written before is seen by those who find the flag set.
    void set() noexcept;
    /// Never suspends, never throws.
    void clear() noexcept;

    [[nodiscard]] bool is_set() const noexcept {
        return (queue_.load(std::memory_order_acquire) & k_set) != 0; // pairs with set
    }

    /// Suspends while the flag is not set. A cancel point where it waits, and every 1000th time anyway.
    void wait() {
        detail::operation_point();
        if (!is_set()) wait_slow(detail::k_never);
    }
    /// At most that long; false: nobody set it in time. A cancel point as wait.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> limit) {
        detail::operation_point();
        if (is_set()) return true;
        const auto d = detail::to_nanoseconds(limit);
        return d.count() > 0 && wait_slow(detail::deadline_after(d));
    }
    /// The same until a time of any clock.
    template <class Clock, class Duration>
    bool wait_until(std::chrono::time_point<Clock, Duration> t) {
        detail::operation_point();
        return is_set() || wait_slow(detail::deadline_at(t));
    }

private:
    friend struct detail::sync_probe;
    friend struct detail::co_sync;
    static constexpr detail::wait_queue::state_type k_set = detail::wait_queue::k_one;
    bool wait_slow(detail::deadline_ns deadline);

    detail::wait_queue queue_;
};

} // namespace weft
