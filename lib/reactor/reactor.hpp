// SPDX-License-Identifier: Apache-2.0
// A poller, its timers and its baton. Protocol: README.md.
#pragma once

#include <atomic>
#include <limits>
#include <memory>

#include <weft/base/spin_lock.hpp>

#include "reactor/backend.hpp"
#include "reactor/baton.hpp"
#include "reactor/time_source.hpp"
#include "reactor/timer_pace.hpp"
#include "reactor/timer_queue.hpp"

namespace weft::detail {

/// One per core. Whoever holds the baton drives it; everything else may be called by any thread.
class alignas(k_cache_line) reactor {
public:
    reactor(std::unique_ptr<backend> kernel, time_source& time) noexcept
        : kernel_(std::move(kernel)),
          time_(time) {}

    // ---- the baton -------------------------------------------------------------------------------------------
    [[nodiscard]] bool try_take() noexcept { return baton_.try_take(); }
    void give() noexcept { baton_.give(); }
    [[nodiscard]] bool is_driven() const noexcept { return baton_.is_taken(); }

    /// Fires due timers and completes what the kernel has, waiting for either until the deadline. Needs the baton.
    /// At most backend::k_batch of each. Returns how many things happened.
    unsigned poll(deadline_ns until) noexcept;

    // ---- timers ----------------------------------------------------------------------------------------------
    /// Arms t (fire and when set); wakes whoever sleeps here and would miss it.
    void add(timer& t) noexcept;
    /// True: disarmed, it will not fire. False: it has fired. Either way nobody touches it any more.
    static bool remove(timer& t) noexcept;
    [[nodiscard]] deadline_ns next_deadline() const noexcept {
        return next_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] backend& kernel() noexcept { return *kernel_; }
    [[nodiscard]] time_source& time() noexcept { return time_; }

    /// When it was last looked at (monotonic); whoever finds this long ago may look in the driver's place.
    [[nodiscard]] deadline_ns last_poll() const noexcept {
        return last_poll_.load(std::memory_order_relaxed);
    }

private:
    unsigned fire_due(deadline_ns now) noexcept;
    deadline_ns begin_sleep(deadline_ns now, deadline_ns until) noexcept;
    void end_sleep(deadline_ns now) noexcept;

    const std::unique_ptr<backend> kernel_;
    time_source& time_;
    basic_baton<> baton_;
    std::atomic<deadline_ns> last_poll_{0};
    std::atomic<deadline_ns> next_{
        k_never};           // the heap's first deadline, for looks without the lock
    spin_lock timers_lock_; // guards what follows
    timer_queue timers_;
    timer_pace pace_;
    deadline_ns sleeps_until_ = k_awake;
    static constexpr deadline_ns k_awake = std::numeric_limits<deadline_ns>::min();
};

} // namespace weft::detail
