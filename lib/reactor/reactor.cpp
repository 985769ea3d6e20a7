// SPDX-License-Identifier: Apache-2.0
#include "reactor/reactor.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/assert.hpp"

namespace weft::detail {

unsigned reactor::fire_due(deadline_ns now) noexcept {
    if (next_deadline() > now) return 0;
    const std::lock_guard guard(timers_lock_);
    std::array<timer*, backend::k_batch> due;
    const std::size_t count = timers_.pop_due(now, due);
    // Under the lock, so that remove can promise that nobody touches the timer afterwards.
    for (timer* t : std::span(due).first(count)) t->fire(*t);
    next_.store(timers_.next(), std::memory_order_relaxed);
    pace_.fired(static_cast<unsigned>(count));
    return static_cast<unsigned>(count);
}

unsigned reactor::poll(deadline_ns until) noexcept {
    WEFT_ASSERT(is_driven());
    const deadline_ns start = time_.now();
    unsigned happened = fire_due(start);
    const bool look_only = happened != 0 || until <= start;
    if (look_only) {
        happened += kernel_->poll(0);
        last_poll_.store(start, std::memory_order_relaxed);
        return happened;
    }
    happened += kernel_->poll(begin_sleep(start, until));
    const deadline_ns end = time_.now();
    end_sleep(end);
    last_poll_.store(end, std::memory_order_relaxed);
    return happened + fire_due(end);
}

// Until when a sleep may last: the deadline, or the first timer. One that is added meanwhile and is due earlier wakes it,
// unless it is in a crowd, and the sleep as long as a step.
deadline_ns reactor::begin_sleep(deadline_ns now, deadline_ns until) noexcept {
    const std::lock_guard guard(timers_lock_);
    const deadline_ns step = now + timer_pace::k_step;
    if (pace_.is_crowd() && timers_.next() < step && !time_.is_virtual())
        return std::min(until, step);
    return sleeps_until_ = std::min(until, timers_.next());
}

void reactor::end_sleep(deadline_ns now) noexcept {
    const std::lock_guard guard(timers_lock_);
    sleeps_until_ = k_awake;
    pace_.slept(now);
}

void reactor::add(timer& t) noexcept {
    bool too_late = false;
    {
        const std::lock_guard guard(timers_lock_);
        t.owner = this;
        timers_.push(t);
        next_.store(timers_.next(), std::memory_order_relaxed);
        // The lock orders us and begin_sleep: it has seen t, or we see until when it sleeps.
        too_late = t.when < sleeps_until_;
    }
    if (too_late) kernel_->wake(); // t may be gone
}

bool reactor::remove(timer& t) noexcept {
    if (t.owner == nullptr) return false;
    reactor& r = *t.owner;
    const std::lock_guard guard(r.timers_lock_);
    t.owner = nullptr;
    if (t.index == timer::k_not_armed) return false;
    r.timers_.remove(t);
    r.next_.store(r.timers_.next(), std::memory_order_relaxed);
    return true;
}

} // namespace weft::detail
