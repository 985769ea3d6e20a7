// SPDX-License-Identifier: Apache-2.0
#include <weft/task/wait.hpp>

#include <algorithm>
#include <deque>
#include <stdexcept>

#include <weft/task/timeout.hpp>

namespace weft::detail {
namespace {

// Ends when `needed` of those that are pending have completed, or when one fails and that counts; each is registered once.
// False: the deadline has passed. The caller looks again.
bool wait_for_some(std::span<future_core* const> futures, std::size_t needed, bool failures,
                   bool cancels, deadline_ns deadline) {
    wait w(wait_reason::futures);
    wait_gate gate{{needed}, failures, cancels};
    std::deque<future_node> nodes; // their addresses stay
    for (std::size_t i = 0; i < futures.size(); ++i) nodes.emplace_back();
    if (!w.begin()) w.throw_cancelled();
    bool enough = false;
    for (std::size_t i = 0; i < futures.size(); ++i) {
        nodes[i].who = w.self();
        nodes[i].gate = &gate;
        // One that completed since the caller looked passes the gate here.
        if (!futures[i]->add_waiter(nodes[i]) && gate.passes(futures[i]->state())) enough = true;
    }
    const wait_end end = enough && w.withdraw() ? wait_end::notified : w.park(deadline);
    for (std::size_t i = 0; i < futures.size(); ++i) futures[i]->remove_waiter(nodes[i]);
    if (end == wait_end::cancelled) w.throw_cancelled();
    return end == wait_end::notified;
}

// Those that are not done, each once.
std::vector<future_core*> pending_of(std::span<future_core* const> futures) {
    std::vector<future_core*> pending;
    for (future_core* f : futures)
        if (!f->done()) pending.push_back(f);
    std::ranges::sort(pending);
    pending.erase(std::ranges::unique(pending).begin(), pending.end());
    return pending;
}

} // namespace

void wait_many(std::span<future_core* const> futures, wait_until condition, deadline_ns deadline) {
    if (futures.empty() && condition == wait_until::first_completed)
        throw std::invalid_argument("weft::wait for the first of none would never end");
    const bool failures = condition == wait_until::first_exception;
    for (;;) {
        const std::vector<future_core*> pending = pending_of(futures);
        if (pending.empty()) return;
        if (condition == wait_until::first_completed &&
            std::ranges::any_of(futures, [](auto* f) { return f->done(); }))
            return;
        if (failures && std::ranges::any_of(
                            futures, [](auto* f) { return f->state() == outcome_kind::exception; }))
            return;
        const std::size_t needed = condition == wait_until::first_completed ? 1 : pending.size();
        if (!wait_for_some(pending, needed, failures, false, deadline)) return;
    }
}

void cancel_and_join(std::span<future_core* const> futures) noexcept {
    for (future_core* f : futures)
        if (!f->done()) f->cancel({});
    for (future_core* f : futures) {
        f->join();
        f->mark_seen();
    }
}

void gather_all(std::span<future_core* const> futures) {
    auto bad = [](future_core* f) {
        const outcome_kind k = f->state();
        return k == outcome_kind::exception || k == outcome_kind::cancelled;
    };
    try {
        while (std::ranges::none_of(futures, bad)) {
            const std::vector<future_core*> pending = pending_of(futures);
            if (pending.empty()) break;
            wait_for_some(pending, pending.size(), true, true, k_never);
        }
    } catch (...) {
        cancel_and_join(futures);
        throw;
    }
    const auto first = std::ranges::find_if(futures, bad);
    if (first == futures.end()) return;
    cancel_and_join(futures);
    (*first)->throw_outcome();
}

bool await_or_cancel(future_core& f, deadline_ns deadline) {
    try {
        if (f.await_done_until(deadline)) return false;
    } catch (const cancelled_error&) {
        f.cancel({});
        f.join();
        f.mark_seen();
        throw;
    }
    f.cancel({});
    f.join();
    return true;
}

} // namespace weft::detail
