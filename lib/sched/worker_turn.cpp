// SPDX-License-Identifier: Apache-2.0
// A worker whose thread is the caller's: turns, as those of asyncio's loop. What is ready when a turn begins runs in it; what
// becomes ready meanwhile waits for the next one, before which the reactor is looked at if anybody wants it (look_soon) or
// none has for a while. So a run can be stopped between two turns, and nothing that becomes ready keeps IO away.
#include <sys/prctl.h>

#include <utility>

#include "base/tsc.hpp"
#include "context/overflow.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {

void worker::look_soon() noexcept {
    last_look_ = 0;
    if (!scheduler_.options_.caller_runs) switches_to_clock_ = 1;
}

void worker::run_here() {
    const int slack = prctl(PR_GET_TIMERSLACK);
    run_is_over_ = has_had_turn_ = false;
    last_look_ = 0;
    {
        const signal_stack alternate;
        enter_thread();
        loop();
        leave_thread();
    }
    if (std::exchange(searching_, false)) (void)scheduler_.idle_.end_search();
    running_.store(false, std::memory_order_relaxed);
    prctl(PR_SET_TIMERSLACK, slack);
}

// The first fiber of the next turn. Null: there is none, or the run is over.
fiber* worker::next_turn() noexcept {
    constexpr unsigned k_everything = ~0U;
    // acquire pairs with stop_run: what came before it is in the queues
    const bool stops = scheduler_.stop_run_.load(std::memory_order_acquire);
    if (stops && has_had_turn_) return run_is_over_ = true, nullptr;
    const auto to_queue = [this](fiber* f) { queue_.push(f); };
    scheduler_.inject_.take(k_everything, to_queue);
    staying_.take(k_everything, to_queue); // here everybody stays
    const bool until_idle = scheduler_.run_until_ == scheduler::run_until::idle;
    if (stops || until_idle || (!queue_.empty() && look_is_due())) {
        last_look_ = read_tsc();
        look_at(*permission.get()->home);
    } else if (queue_.empty()) {
        sleep();
    }
    has_had_turn_ = true;
    if (queue_.empty()) {
        run_is_over_ = until_idle && scheduler_.inject_.empty() && staying_.empty();
        return nullptr;
    }
    picks_left_ = static_cast<unsigned>(queue_.size());
    switches_to_clock_ = k_everything; // nobody looks within a turn
    return found(take_ready());
}

void scheduler::run_here(run_until until) {
    run_until_ = until;
    workers_[0].run_here();
    forget_stop();
}

void scheduler::stop_run() noexcept {
    stop_run_.store(true, std::memory_order_release); // pairs with next_turn
    workers_[0].unpark();
}

} // namespace weft::detail
