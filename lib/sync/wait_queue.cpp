// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/wait_queue.hpp>

#include <sched.h>

#include "base/assert.hpp"

namespace weft::detail {
namespace {

/// Between two looks at a guard that somebody holds: some instructions, unless its holder was preempted.
void pause_for_guard(unsigned& looks) noexcept {
    constexpr unsigned k_spins = 200; // as spin_lock: longer than any holder that is on a core
    if (++looks % k_spins == 0)
        sched_yield();
    else
        cpu_pause();
}

} // namespace

wait_queue::state_type wait_queue::load_unguarded_slow() const noexcept {
    for (unsigned looks = 0;;) {
        const state_type now = word_.load(std::memory_order_relaxed);
        if ((now & k_guard) == 0) return now;
        pause_for_guard(looks);
    }
}

wait_queue::state_type wait_queue::lock() noexcept {
    for (;;) {
        state_type now = load_unguarded();
        // acquire pairs with the release of unlock (the line) and of the fast paths (what the state stands for)
        if (word_.compare_exchange_weak(now, now | k_guard, std::memory_order_acquire,
                                        std::memory_order_relaxed))
            return now & ~(k_guard | k_waiters);
    }
}

std::uint64_t wait_queue::claim(wait_list& claimed, std::uint64_t n) noexcept {
    std::uint64_t count = 0;
    for (; count < n; ++count) {
        wait_node* node = claim_one();
        if (node == nullptr) break;
        claimed.push_back(*node);
    }
    return count;
}

bool wait_queue::wait_in_line(wait_reason why, state_type state, deadline_ns deadline,
                              bool cancellable) {
    wait w(why, cancellable);
    wait_node node;
    const bool began = enlist(w, node);
    unlock(state);
    if (!began) w.throw_cancelled();
    const wait_end end = w.park(deadline);
    if (end == wait_end::notified) return true;
    leave_line(node);
    if (end == wait_end::cancelled) w.throw_cancelled();
    return false;
}

void wait_queue::leave_line(wait_node& node) noexcept {
    const state_type state = lock();
    if (node.is_linked()) line_.remove(node);
    unlock(state);
}

void wait_queue::resume_all(wait_list& claimed) noexcept {
    while (wait_node* node = claimed.pop_front()) resume(node); // gone with the resume
}

} // namespace weft::detail
