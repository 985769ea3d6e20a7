// SPDX-License-Identifier: Apache-2.0
// Forks: calls that lie in the frame of whoever made them and may run elsewhere. Protocol: lib/sched/README.md, "Forks".
#pragma once

#include <weft/fiber/fiber.hpp>

namespace weft::detail {

struct fork_record;

/// What a fork's kind can do. Kinds come in pairs: an entry of an array is followed by its ripe twin.
struct fork_kind {
    /// Makes the fiber through which others can take this call (it competes with the joiner by one exchange and holds all
    /// that outlives the frame), and remembers it in `shared`. Null: no memory; the record stays private.
    fiber* (*share)(fork_record&, fiber& owner) noexcept;
    bool is_ripe; ///< was the oldest at an earlier look
};

/// One forked call. Owner's until it is shared; it is shared at most once.
struct fork_record : fork_link {
    explicit fork_record(const fork_kind* k) noexcept : kind(k) {}
    const fork_kind* kind;
    fiber* shared; // once it is
};

/// What a fork finds at a frame where the list says that it is slow.
enum class fork_way { usual, plain_call, fresh_stack };
fork_way answer_forks(stack_head& s, const void* frame) noexcept;

void fork_look(stack_head& s) noexcept;
/// After a fork was linked: shares the oldest record if an idle worker asked for one, and takes the look (design idea 4),
/// each so many forks. May suspend: ready fibers run first when this core's reactor is overdue.
inline void fork_point(stack_head& s) noexcept {
    if (--s.forks_left == 0) [[unlikely]]
        fork_look(s);
}

/// At a join where somebody wanted attention: the next fork may be a while off. May suspend.
void join_look(stack_head& s) noexcept;

/// Between two chunks of a loop: the same each time. True: work is wanted, and there was no fork to share; the next one will
/// be. Throws if the task is cancelled.
bool loop_point();

} // namespace weft::detail
