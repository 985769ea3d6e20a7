// SPDX-License-Identifier: Apache-2.0
#include "sched/fork_list.hpp"

#include <weft/sched/suspend.hpp>

#include <algorithm>
#include <mutex>

#include "base/tsc.hpp"
#include "sched/scheduler.hpp"
#include <weft/greenlet/strand.hpp>

namespace weft::detail {
namespace {

constexpr deadline_ns k_look_every = 4'000; // at the pace of the last forks
constexpr unsigned k_longest_stride = 1024;
constexpr unsigned k_fine_stride =
    64; // so many forks in one k_look_every: too fine to be shared at once

bool share(fork_link& link, stack& s) noexcept {
    auto& r = static_cast<fork_record&>(link);
    return r.kind->share(r, *s.owner) != nullptr;
}

// `s` may be another stack of the running task: where it runs says the running one.
bool share_oldest(stack& s) noexcept {
    fork_link* r = s.forks.share_oldest([&s](fork_link& link) { return share(link, s); });
    if (r == nullptr) return false;
    current_stack()->runner->share(*static_cast<fork_record*>(r)->shared);
    return true;
}

// What is finer than a hand-over is not worth sharing: of quick forks only one that was the oldest at the last look, too.
bool is_worth_sharing(stack& s) noexcept {
    if (s.forks_stride < k_fine_stride) return true;
    bool ripe = false;
    s.forks.with_oldest([&ripe](fork_link& link) {
        auto& r = static_cast<fork_record&>(link);
        ripe = r.kind->is_ripe;
        if (!ripe) ++r.kind; // its twin
    });
    return ripe;
}

} // namespace

void share_all_forks_slow(stack& s) noexcept {
    const auto share_all = [](stack& one) {
        while (!one.forks.empty() && share_oldest(one)) {}
    };
    if (s.greenlets != nullptr) s.greenlets->for_each_forked(share_all);
    share_all(s);
}

fiber* rob_fork(stack& s) noexcept {
    // All of it under the list's lock: after that the owner may claim the fork itself, and leave.
    fiber* robbed = nullptr;
    s.forks.rob([&](fork_link& link) {
        if (!share(link, s)) return false;
        robbed = static_cast<fork_record&>(link).shared;
        const std::lock_guard guard(s.owner->locals_lock);
        robbed->locals = s.owner->locals; // it was made here, with this thread's context
        return true;
    });
    return robbed;
}

fork_way answer_forks(stack_head& s, const void* frame) noexcept {
    if (!s.forks.allows_forks() || s.owner->stays != 0) return fork_way::plain_call;
    if (s.forks.answer()) look_at_next_fork(s);
    return s.forks.is_short_at(frame) ? fork_way::fresh_stack : fork_way::usual;
}

void fork_look(stack_head& head) noexcept {
    auto& s = static_cast<stack&>(head);
    const std::uint64_t now = read_tsc();
    const unsigned forks = std::max(s.forks_stride - s.forks_left, 1U); // since the last look
    const std::uint64_t each = tsc_between(s.forks_clock, now) / forks + 1;
    s.forks_clock = now;
    s.forks_stride = static_cast<unsigned>(std::clamp<std::uint64_t>(
        tsc_ticks(k_look_every) / each, 1, std::min(2 * s.forks_stride, k_longest_stride)));
    s.forks_left = s.forks_stride;
    if (s.owner->stays != 0) return; // forks of a greenlet: they are shared where the task waits
    worker& w = *s.runner;
    const bool look = w.look_is_due_to_compute();
    if (w.forks_demanded() || (look && w.others_sleep())) {
        if (is_worth_sharing(s) && share_oldest(s))
            w.forks_shared();
        else
            w.decline_forks();
    }
    if (look) worker::look(s);
}

// Fine forks come soon enough, and of those only what has lain there for a while is shared.
void join_look(stack_head& s) noexcept {
    if (s.forks_stride < k_fine_stride) fork_look(s);
}

bool loop_point() {
    throw_if_cancelled();
    stack_head* head = current_stack();
    if (head == nullptr || !head->forks.allows_forks() || head->owner->stays != 0) return false;
    auto& s = static_cast<stack&>(*head);
    worker& w = *s.runner;
    bool wants_more = false;
    const bool look = w.look_is_due_to_compute();
    if (w.forks_demanded() || (look && w.others_sleep())) {
        if (!s.forks.empty() && share_oldest(s)) {
            w.forks_shared();
        } else {
            look_at_next_fork(s);
            wants_more = true;
        }
    }
    if (look) worker::look(s);
    return wants_more;
}

} // namespace weft::detail
