// SPDX-License-Identifier: Apache-2.0
#include <weft/coro/co_driver.hpp>

#include "sched/scheduler.hpp"

namespace weft::detail {

namespace {

// Who is next on this thread: set by a coroutine in its last instructions before it returns to run_chain, which takes it. Noinline:
// a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] void* exchange_transfer(void* next) noexcept {
    static thread_local void* transfer = nullptr;
    return std::exchange(transfer, next);
}

} // namespace

void transfer_to(std::coroutine_handle<> next) noexcept { exchange_transfer(next.address()); }

void run_chain(std::coroutine_handle<> first) {
    void* next = first.address();
    do {
        std::coroutine_handle<>::from_address(next).resume();
        next = exchange_transfer(nullptr);
    } while (next != nullptr);
}

co_driver* current_driver() noexcept {
    const stack_head* s = current_stack();
    if (s == nullptr || s->greenlets != nullptr || s->owner == nullptr || !s->owner->is_stackless)
        return nullptr;
    return static_cast<co_driver*>(s->owner);
}

void co_driver::run() noexcept {
    if (!has_started()) {
        is_stackless = true;
        if (is_pinned) stay_for_good();
        if (!starts()) return;
    }
    go_on();
    // It waits, or has ended: it may be running elsewhere by now, or be gone.
}

void co_driver::go_on() {
    if ((next_ & k_turns) == 0) return run_chain(coroutine_of(next_));
    auto& turns = *reinterpret_cast<co_turns*>(next_ & ~k_turns);
    if (!turns.waits_again(*this)) run_chain(turns.whose);
}

void co_driver::begin_suspension(std::uintptr_t what) {
    home().provide_stack(*this, 0); // the end of this run gives one back
    next_ = what;
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

const void* co_driver::suspended_at() const noexcept {
    if (state_.load(std::memory_order_relaxed) == state::running) return nullptr;
    const auto whose = (next_ & k_turns) == 0
                           ? coroutine_of(next_)
                           : reinterpret_cast<const co_turns*>(next_ & ~k_turns)->whose;
    return *static_cast<const void* const*>(
        whose.address()); // first in a coroutine's frame: its resume function
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
