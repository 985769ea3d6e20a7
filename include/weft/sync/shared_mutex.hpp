// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <shared_mutex> // std::shared_lock

#include <weft/sync/wait_queue.hpp>

namespace weft {

/// Many readers or one writer: std::shared_timed_mutex for tasks and plain threads.
///
/// First come, first served: a writer that waits holds up readers that come after it, so neither side starves; readers that wait
/// next to one another are let in together. Ownership is the task's, as mutex's. Not recursive, not upgradable.
///
///     weft::shared_mutex m;
///     { std::shared_lock reading(m); ... }
///     { std::unique_lock writing(m); ... }
///
/// Thread-safe. May be destroyed as mutex may.
class shared_mutex {
public:
    constexpr shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;

    // ---- for the writer ----------------------------------------------------------------------------------------
    /// Suspends while anybody has it. Throws cancelled_error only then: without a wait it is no cancel point.
    void lock() {
        if (!try_lock()) wait_slow(exclusive, detail::k_never);
    }
    /// Never suspends.
    [[nodiscard]] bool try_lock() noexcept {
        detail::wait_queue::state_type free = 0;
        // acquire pairs with unlock and unlock_shared: what earlier owners did is seen
        return queue_.change(free, k_writer, std::memory_order_acquire);
    }
    /// Suspends at most that long; false: others have it still. Throws cancelled_error if it had to wait.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> limit) {
        return try_lock() || wait_for(exclusive, detail::to_nanoseconds(limit));
    }
    /// The same until a time of any clock.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> t) {
        return try_lock() || wait_slow(exclusive, detail::deadline_at(t));
    }
    /// By the owner. Never suspends, never throws.
    void unlock() noexcept {
        detail::wait_queue::state_type mine = k_writer;
        // release pairs with the acquire of try_lock and try_lock_shared
        if (!queue_.change(mine, 0, std::memory_order_release)) unlock_slow(k_writer);
    }

    // ---- for readers -------------------------------------------------------------------------------------------
    /// Suspends while a writer has it, or waits for it. Otherwise as lock.
    void lock_shared() {
        if (!try_lock_shared()) wait_slow(shared, detail::k_never);
    }
    [[nodiscard]] bool try_lock_shared() noexcept {
        for (;;) {
            auto now = queue_.load_unguarded();
            if ((now & (k_writer | detail::wait_queue::k_waiters)) != 0) return false;
            // acquire pairs with unlock
            if (queue_.change(now, now + k_reader, std::memory_order_acquire)) return true;
        }
    }
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> limit) {
        return try_lock_shared() || wait_for(shared, detail::to_nanoseconds(limit));
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> t) {
        return try_lock_shared() || wait_slow(shared, detail::deadline_at(t));
    }
    void unlock_shared() noexcept {
        for (;;) {
            auto now = queue_.load_unguarded();
            if (now < k_reader || (now & detail::wait_queue::k_waiters) != 0) break;
            // release pairs with the acquire of try_lock; a chain of readers hands on what each released
            if (queue_.change(now, now - k_reader, std::memory_order_release)) return;
        }
        unlock_slow(k_reader);
    }

private:
    friend struct detail::sync_probe;
    enum wanted : bool { exclusive, shared };
    struct node;
    static constexpr detail::wait_queue::state_type k_writer = detail::wait_queue::k_one,
                                                    k_reader = 2 * k_writer;

    bool wait_for(wanted what, std::chrono::nanoseconds limit) {
        return limit.count() > 0 && wait_slow(what, detail::deadline_after(limit));
    }
    bool wait_slow(wanted what, detail::deadline_ns deadline);
    void unlock_slow(detail::wait_queue::state_type share) noexcept;
    detail::wait_queue::state_type let_in(detail::wait_queue::state_type state,
                                          detail::wait_list& claimed) noexcept;

    detail::wait_queue queue_; // its state: readers * k_reader, or k_writer
};

} // namespace weft
