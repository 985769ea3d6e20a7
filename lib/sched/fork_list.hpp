// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/sched/fork.hpp>

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Shares every record of the running stack, and of the greenlets beside it, oldest first: before it waits.
void share_all_forks_slow(stack& s) noexcept;
inline void share_all_forks(stack& s) noexcept {
    if (!s.forks.empty() || s.greenlets != nullptr) [[unlikely]]
        share_all_forks_slow(s);
}

/// The next fork looks, whatever the pace.
inline void look_at_next_fork(stack_head& s) noexcept {
    s.forks_stride -= s.forks_left - 1; // so many will have been forked then
    s.forks_left = 1;
}

/// Takes the oldest fork of a stack whose owner does not answer. Null: there is none.
fiber* rob_fork(stack& s) noexcept;

} // namespace weft::detail
