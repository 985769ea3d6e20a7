// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/sched/fork.hpp>

#include "context/stack.hpp"

namespace weft::detail {

/// Shares every record of the running stack, and of the greenlets beside it, oldest first: before it waits.
void share_all_forks_slow(stack& s) noexcept;
inline void share_all_forks(stack& s) noexcept {
    if (s.oldest_fork != nullptr || s.greenlets != nullptr) [[unlikely]]
        share_all_forks_slow(s);
}

} // namespace weft::detail
