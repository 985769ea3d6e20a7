// SPDX-License-Identifier: Apache-2.0
#include <weft/coro/co_driver.hpp>

#include "sched/scheduler.hpp"

namespace weft::detail {

// The address of the local is used only by coroutines that this very loop resumes, and as long as they have not waited; the
// compiler takes it for one that is left behind.
#if defined(__GNUC__) && !defined(__clang__)
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif
void co_run::go(std::coroutine_handle<> first) {
    std::coroutine_handle<> next = first;
    transfer_ = &next;
    while (next) std::exchange(next, nullptr).resume();
}
#if defined(__GNUC__) && !defined(__clang__)
#    pragma GCC diagnostic pop
#endif

co_driver* current_driver() noexcept {
    fiber* f = current_fiber();
    return f != nullptr && f->is_stackless ? static_cast<co_driver*>(f) : nullptr;
}

void co_driver::run() noexcept {
    if (!has_started_) {
        has_started_ = true;
        is_stackless = true;
        if (is_pinned) stay_for_good();
        if (!starts()) return;
    }
    run_.go(next_);
    // It waits, or has ended: it may be running elsewhere by now, or be gone.
}

void co_driver::begin_suspension(std::coroutine_handle<> h) {
    home().provide_stack(*this, 0); // the end of this run gives one back
    next_ = h;
    state_.store(state::suspending, std::memory_order_relaxed); // before the wait begins
}

bool co_driver::end_suspension() noexcept {
    worker::current()->forget_running_task();
    stack* const s = leave_stack();
    state expected = state::suspending;
    // release: who resumes it sees it complete; acquire: what the early resumer did is seen here
    if (state_.compare_exchange_strong(expected, state::suspended, std::memory_order_acq_rel,
                                       std::memory_order_acquire))
        return true;
    keep_stack(s);
    cancel_suspension();
    return false;
}

void co_driver::cancel_suspension() noexcept {
    state_.store(state::running, std::memory_order_relaxed);
    home().withdraw_stack(*this);
}

// Called once per ended wait.
void co_driver::resume() noexcept {
    state now = state::suspending;
    // acq_rel: as in end_suspension, which competes
    if (state_.compare_exchange_strong(now, state::resumed, std::memory_order_acq_rel,
                                       std::memory_order_acquire))
        return; // it finds that out before it leaves
    // running: it waits with its stack, as every fiber; or has not begun
    if (now == state::suspended) state_.store(state::running, std::memory_order_relaxed);
    task_base::resume();
}

} // namespace weft::detail
