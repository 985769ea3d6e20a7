// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable> // std::cv_status
#include <mutex>              // std::unique_lock

#include <weft/sync/mutex.hpp>

namespace weft {

/// std::condition_variable for weft::mutex: waits until somebody who changed the shared state says so.
///
///     std::unique_lock lock(m);
///     changed.wait(lock, [&] { return !items.empty(); });
///     ...
///     { std::lock_guard guard(m); items.push_back(x); }
///     changed.notify_one();
///
/// Every wait suspends, and is a cancel point; it holds the lock again when it returns or throws, whatever happened, and a
/// cancel that comes while it re-locks is delivered after that. A notification is never lost with a cancelled waiter: the
/// next one gets it. A lock that is not held throws std::system_error (operation_not_permitted).
///
/// Thread-safe; tasks and plain threads may wait side by side; first come, first served.
class condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;

    /// Wakes who waits longest, if anybody does. Never suspends, never throws; the mutex need not be held.
    void notify_one() noexcept {
        // Relaxed: who waits took his place before he unlocked the mutex that the caller has locked since.
        if (queue_.load(std::memory_order_relaxed) != 0) notify(1);
    }
    /// Wakes all who wait now.
    void notify_all() noexcept {
        if (queue_.load(std::memory_order_relaxed) != 0) notify(~std::uint64_t{0}); // as above
    }

    /// Unlocks, suspends until notified, locks.
    void wait(std::unique_lock<mutex>& lock) { wait_until_ns(lock, detail::k_never); }
    /// Until the predicate, tested with the lock held, is true.
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate pred) {
        while (!pred()) wait(lock);
    }

    /// Until a time of any clock; the re-locking has no limit.
    template <class Clock, class Duration>
    std::cv_status wait_until(std::unique_lock<mutex>& lock,
                              std::chrono::time_point<Clock, Duration> t) {
        return wait_until_ns(lock, detail::deadline_at(t));
    }
    /// Returns what the predicate says at the end.
    template <class Clock, class Duration, class Predicate>
    bool wait_until(std::unique_lock<mutex>& lock, std::chrono::time_point<Clock, Duration> t,
                    Predicate pred) {
        return wait_until_ns(lock, detail::deadline_at(t), pred);
    }
    template <class Rep, class Period>
    std::cv_status wait_for(std::unique_lock<mutex>& lock,
                            std::chrono::duration<Rep, Period> limit) {
        return wait_until_ns(lock, detail::deadline_after(detail::to_nanoseconds(limit)));
    }
    template <class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<mutex>& lock, std::chrono::duration<Rep, Period> limit,
                  Predicate pred) {
        return wait_until_ns(lock, detail::deadline_after(detail::to_nanoseconds(limit)), pred);
    }

private:
    friend struct detail::sync_probe;
    std::cv_status wait_until_ns(std::unique_lock<mutex>& lock, detail::deadline_ns deadline);
    template <class Predicate>
    bool wait_until_ns(std::unique_lock<mutex>& lock, detail::deadline_ns deadline,
                       Predicate& pred) {
        while (!pred())
            if (wait_until_ns(lock, deadline) == std::cv_status::timeout) return pred();
        return true;
    }
    void notify(std::uint64_t how_many) noexcept;

    detail::wait_queue queue_; // no state but its line
};

} // namespace weft
