// SPDX-License-Identifier: Apache-2.0
// Forks that nobody else knows of: records in their callers' frames, linked to a list of the stack they lie on.
#pragma once

#include <weft/fiber/fiber.hpp>

namespace weft::detail {

/// One forked call. Owner's until it is shared; it is shared at most once.
struct fork_record {
    fork_record* older = nullptr;
    fork_record* newer = nullptr;
    /// Makes the fiber through which others can take this call (it competes with the joiner by one CAS and holds all that
    /// outlives the frame), and remembers that it is shared. Null: no memory; the record stays private.
    fiber* (*share)(fork_record&) noexcept = nullptr;
};

inline void link_fork(stack_head& s, fork_record& r) noexcept {
    r.older = s.newest_fork;
    r.newer = nullptr;
    (s.newest_fork != nullptr ? s.newest_fork->newer : s.oldest_fork) = &r;
    s.newest_fork = &r;
}

inline void unlink_fork(stack_head& s, fork_record& r) noexcept {
    (r.newer != nullptr ? r.newer->older : s.newest_fork) = r.older;
    (r.older != nullptr ? r.older->newer : s.oldest_fork) = r.newer;
}

/// A fork point: shares the oldest record if an idle worker asked for one, and takes the look (design idea 4).
/// May suspend: ready fibers run first when this core's reactor is overdue.
void at_fork_point() noexcept;

} // namespace weft::detail
