// SPDX-License-Identifier: Apache-2.0
// A stack: its header (at the stack's own upper end), and where it lies.
#pragma once

#include <cstddef>
#include <cstdint>

#include <weft/context/stack_head.hpp>

namespace weft::detail {

/// What a fiber does between two waits, as far as that concerns who runs it (room sched).
enum class step_kind : unsigned char { quick, blocks, computes };

/// Written by whoever runs on the stack; after `saved` is true, by whoever resumes it.
struct alignas(64) stack : stack_head {
    std::byte* low = nullptr;           // lowest usable byte; the guard lies below
    std::size_t size = 0;               // usable bytes from low up
    bool single = false;                // mapped for one fiber, unmapped at its end
    bool is_greenlet = false;           // runs greenlets, beside a thread's or a task's own stack
    step_kind steps = step_kind::quick; // what late ones of its fiber were
    unsigned char quick_steps = 0;      // since the last other one
    bool wants_permit = false;          // goes on where a worker has one, whatever its steps are
    void* tsan_fiber = nullptr;
    void* asan_fake_stack = nullptr;
};

static_assert(sizeof(stack) == 256, "three lines for the head (stack_head), one for the rest");

/// The running stack, if it is a fiber's; null in a worker's own loop and on plain threads.
inline stack* task_stack() noexcept {
    auto* s = static_cast<stack*>(current_stack());
    return s != nullptr && s->owner != nullptr ? s : nullptr;
}

/// For whoever begins to run something on s: may that fork, and down to where? Below, a fork gets a fresh stack.
inline void allow_forks(stack& s, bool may) noexcept {
    constexpr std::size_t k_spare_bytes = 32 * 1024;
    if (s.forks.allows_forks() == may) return;
    s.forks.set_limit(may ? reinterpret_cast<std::uintptr_t>(s.low) +
                                (s.size / 2 < k_spare_bytes ? s.size / 2 : k_spare_bytes)
                          : fork_list::k_no_forks);
}

} // namespace weft::detail
