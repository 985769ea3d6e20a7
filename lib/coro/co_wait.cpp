// SPDX-License-Identifier: Apache-2.0
#include <weft/coro/co_await.hpp>

#include <mutex>
#include <new>

#include "reactor/reactor.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {

bool co_wait::was_notified() noexcept {
    if (!registered_) return false;
    const wait_end how = wait_.self().who->word.how();
    cancelled_ = how == wait_end::cancelled;
    return how == wait_end::notified;
}

// ---- futures ------------------------------------------------------------------------------------------------------------

bool co_future_wait::begin(future_core& core, co_driver& driver, std::coroutine_handle<> h) {
    if (core.as_task() == &driver) throw would_deadlock("weft: a task can't await itself");
    driver.begin_suspension(h);
    driver.awaits.store(&core, std::memory_order_relaxed); // before begin: a canceller reads it
    if (!wait_.begin()) {
        cancelled_ = true;
    } else {
        node_.who = wait_.self();
        registered_ = true;
        if (core.add_waiter(node_)) return driver.end_suspension();
        registered_ = false; // done meanwhile
        if (!wait_.withdraw()) {
            cancelled_ = true; // a canceller was first, and resumes
            return driver.end_suspension();
        }
    }
    driver.cancel_suspension();
    return false;
}

void co_future_wait::end(future_core& core) {
    if (task_base* me = current_task_base()) me->awaits.store(nullptr, std::memory_order_relaxed);
    if (registered_ && !was_notified()) core.remove_waiter(node_);
    rethrow_cancel();
}

// ---- time ---------------------------------------------------------------------------------------------------------------

namespace {

struct co_timer : timer {
    waker who;
    static void expire(timer& t) noexcept { static_cast<co_timer&>(t).who.wake(wait_end::expired); }
};

co_timer& timer_in(std::byte* space) noexcept {
    return *std::launder(reinterpret_cast<co_timer*>(space));
}

} // namespace

co_time_wait::co_time_wait() noexcept {
    static_assert(sizeof(co_timer) <= sizeof timer_ && std::is_trivially_destructible_v<co_timer>);
    ::new (timer_) co_timer;
}

bool time_awaiter::await_ready() {
    const deadline_ns now = clock::now().time_since_epoch().count();
    if (until_ > now && current_driver() != nullptr) return false;
    weft::sleep_for(std::chrono::nanoseconds(until_ == k_never ? k_never : until_ - now));
    return true;
}

bool co_time_wait::begin(deadline_ns until, co_driver& driver, std::coroutine_handle<> h) {
    driver.begin_suspension(h);
    if (!wait_.begin()) {
        cancelled_ = true;
        driver.cancel_suspension();
        return false;
    }
    registered_ = true;
    co_timer& t = timer_in(timer_);
    t.fire = co_timer::expire;
    t.when = until;
    t.who = wait_.self();
    driver.home().local_reactor().add(t);
    return driver.end_suspension();
}

void co_time_wait::end() {
    if (registered_) {
        reactor::remove(timer_in(timer_));
        static_cast<void>(was_notified());
    }
    rethrow_cancel();
}

// ---- lines --------------------------------------------------------------------------------------------------------------

bool co_line_wait::begin(wait_queue& queue, wait_queue::state_type waiting, take_function take,
                         co_driver& driver, std::coroutine_handle<> h) {
    driver.begin_suspension(h);
    if (!take(queue, queue.lock())) {
        registered_ = queue.enlist(wait_, node_);
        cancelled_ = !registered_;
        queue.unlock(waiting);
        if (registered_) return driver.end_suspension();
    }
    driver.cancel_suspension();
    return false;
}

void co_line_wait::end(wait_queue& queue) {
    if (registered_ && !was_notified()) queue.leave_line(node_);
    rethrow_cancel();
}

bool co_sync::take_mutex(wait_queue& q, wait_queue::state_type state) noexcept {
    if (state != 0) return false;
    q.unlock(mutex::k_locked);
    return true;
}

bool co_sync::take_permit(wait_queue& q, wait_queue::state_type state) noexcept {
    if (state == 0) return false;
    q.unlock(state - wait_queue::k_one);
    return true;
}

bool co_sync::see_event(wait_queue& q, wait_queue::state_type state) noexcept {
    if (state != event::k_set) return false;
    q.unlock(state);
    return true;
}

// ---- channels -----------------------------------------------------------------------------------------------------------

bool co_channel_wait::begin_send(channel_core& c, const void* element, co_driver& driver,
                                 std::coroutine_handle<> h) {
    return begin(
        c, [](channel_core& core) -> wait_list& { return core.senders(); },
        const_cast<void*>(element), true, driver, h); // only read
}

bool co_channel_wait::begin_receive(channel_core& c, void* element, co_driver& driver,
                                    std::coroutine_handle<> h) {
    return begin(
        c, [](channel_core& core) -> wait_list& { return core.receivers(); }, element, false,
        driver, h);
}

bool co_channel_wait::begin(channel_core& c, wait_list& (*line)(channel_core&), void* element,
                            bool sends, co_driver& driver, std::coroutine_handle<> h) {
    driver.begin_suspension(h);
    channel_core::node* wake = nullptr;
    try {
        const std::lock_guard lock(c.guard);
        result_ = sends ? c.put(element, wake) : c.take(element, wake);
        if (result_ == channel_core::result::must_wait) {
            if (wait_.begin()) {
                registered_ = true;
                node_.element = element;
                node_.who = wait_.self();
                line_ = &line(c);
                line_->push_back(node_);
            } else {
                cancelled_ = true;
            }
        }
    } catch (...) {
        driver.cancel_suspension();
        throw;
    }
    if (registered_) return driver.end_suspension();
    if (wake != nullptr) wake->who.who->resume();
    driver.cancel_suspension();
    return false;
}

bool co_channel_wait::end(channel_core& c) {
    if (!registered_) {
        rethrow_cancel();
        return result_ == channel_core::result::done;
    }
    if (was_notified()) return node_.took_place;
    {
        const std::lock_guard lock(c.guard);
        if (node_.is_linked()) line_->remove(node_); // else somebody met it dead and dropped it
    }
    rethrow_cancel();
    return false;
}

} // namespace weft::detail
