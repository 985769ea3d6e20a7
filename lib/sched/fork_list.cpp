// SPDX-License-Identifier: Apache-2.0
#include "sched/fork_list.hpp"

#include "greenlet/strand.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

// `s` may be another stack of the running task: where it runs says the running one.
bool share_oldest(stack_head& s) noexcept {
    fork_record* oldest = s.oldest_fork;
    fiber* f = oldest->share(*oldest);
    if (f == nullptr) return false;
    unlink_fork(s, *oldest);
    current_stack()->runner->share(*f);
    return true;
}

} // namespace

void share_all_forks_slow(stack& s) noexcept {
    const auto share_all = [](stack& one) {
        while (one.oldest_fork != nullptr && share_oldest(one)) {}
    };
    if (s.greenlets != nullptr) s.greenlets->for_each_forked(share_all);
    share_all(s);
}

void at_fork_point() noexcept {
    auto* s = static_cast<stack*>(current_stack());
    worker& w = *s->runner;
    if (w.forks_demanded()) [[unlikely]] {
        w.forks_shared();
        if (s->oldest_fork != nullptr) share_oldest(*s);
    }
    if (w.fork_look_is_due()) [[unlikely]]
        worker::yield(*s);
}

} // namespace weft::detail
