// SPDX-License-Identifier: Apache-2.0
#include <weft/coro/co_await.hpp>

#include <mutex>
#include <new>

#include "coro/co_waits.hpp"
#include "reactor/reactor.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {

// ---- futures ------------------------------------------------------------------------------------------------------------

bool co_future_wait::begin(future_core& core, co_driver& driver, std::coroutine_handle<> h) {
    if (core.as_task() == &driver) throw would_deadlock("weft: a task can't await itself");
    driver.begin_suspension(h);
    driver.awaits.store(&core, std::memory_order_relaxed); // before begin: a canceller reads it
    wait w(wait_reason::future);
    if (!w.begin()) {
        refuse(node_.who);
    } else {
        node_.who = w.self();
        if (core.add_waiter(node_)) return driver.end_suspension();
        node_.who = {}; // done meanwhile
        if (!w.withdraw()) {
            refuse(node_.who); // a canceller was first, and resumes
            return driver.end_suspension();
        }
    }
    driver.cancel_suspension();
    return false;
}

void co_future_wait::end(future_core& core) {
    if (task_base* me = current_task_base()) me->awaits.store(nullptr, std::memory_order_relaxed);
    const co_end how = end_of(node_.who);
    if (how.is_in_line) core.remove_waiter(node_);
    throw_if(how.cancelled);
}

// ---- time ---------------------------------------------------------------------------------------------------------------

namespace {

co_timer& timer_in(std::byte* space) noexcept {
    return *std::launder(reinterpret_cast<co_timer*>(space));
}

} // namespace

co_time_wait::co_time_wait() noexcept {
    static_assert(sizeof(co_timer) <= sizeof timer_ && alignof(co_timer) <= alignof(void*) &&
                  std::is_trivially_destructible_v<co_timer>);
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
    wait w(wait_reason::time);
    if (!w.begin()) {
        refuse(timer_in(timer_).who);
        driver.cancel_suspension();
        return false;
    }
    timer_in(timer_).arm(until, w.self(), driver.home().local_reactor());
    return driver.end_suspension();
}

void co_time_wait::end() {
    const co_end how = end_of(timer_in(timer_).who);
    reactor::remove(timer_in(timer_));
    throw_if(how.cancelled);
}

// ---- lines --------------------------------------------------------------------------------------------------------------

bool co_line_wait::begin(wait_reason why, wait_queue& queue, wait_queue::state_type waiting,
                         take_function take, co_driver& driver, std::coroutine_handle<> h) {
    driver.begin_suspension(h);
    if (!take(queue, queue.lock())) {
        wait w(why);
        const bool enlisted = queue.enlist(w, node_);
        if (!enlisted) refuse(node_.who); // under the guard: enlisted, it may be over at once
        queue.unlock(waiting);
        if (enlisted) return driver.end_suspension();
    }
    driver.cancel_suspension();
    return false;
}

void co_line_wait::end(wait_queue& queue) {
    const co_end how = end_of(node_.who);
    if (how.is_in_line) queue.leave_line(node_);
    throw_if(how.cancelled);
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
    bool registered = false;
    try {
        const std::lock_guard lock(c.guard);
        result_ = sends ? c.put(element, wake) : c.take(element, wake);
        if (result_ == channel_core::result::must_wait) {
            wait w(sends ? wait_reason::channel_send : wait_reason::channel_receive);
            if (w.begin()) {
                registered = true;
                node_.element = element;
                node_.who = w.self();
                line_ = &line(c);
                line_->push_back(node_);
            } else {
                refuse(node_.who);
            }
        }
    } catch (...) {
        driver.cancel_suspension();
        throw;
    }
    if (registered) return driver.end_suspension();
    if (wake != nullptr) wake->who.who->resume();
    driver.cancel_suspension();
    return false;
}

bool co_channel_wait::end(channel_core& c) {
    const bool registered = node_.who.who != nullptr;
    const co_end how = end_of(node_.who);
    if (how.is_in_line) {
        const std::lock_guard lock(c.guard);
        if (node_.is_linked()) line_->remove(node_); // else somebody met it dead and dropped it
    }
    throw_if(how.cancelled);
    return registered ? node_.took_place : result_ == channel_core::result::done;
}

} // namespace weft::detail
