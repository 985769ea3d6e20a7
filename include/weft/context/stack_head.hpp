// SPDX-License-Identifier: Apache-2.0
// The part of a stack's header that inlined code may touch, and the one thread-local of the library.
#pragma once

#include <weft/base/config.hpp>
#include <weft/context/fork_list.hpp>

namespace weft::detail {

class fiber;
class strand;
class worker;
struct stack_head;

} // namespace weft::detail

// The header of the stack that this thread runs on; null on a thread that never met the library. Plain __thread with the
// initial-exec model: no wrapper function, no lazy allocation.
extern "C" __attribute__((
    tls_model("initial-exec"))) __thread weft::detail::stack_head* weft_current_stack;

namespace weft::detail {

/// Only code that runs on the stack writes here, except `runner` and `owner`, which whoever resumes it sets first, and
/// robbers of forks, by the protocol of fork_list.
struct stack_head {
    /// The forks of the frames on this stack that nobody else knows of.
    fork_list forks;
    /// Forks until the next one that looks around (fork_point), and how many it was given at the last.
    unsigned forks_left = 1, forks_stride = 1;
    std::uint64_t forks_clock = 0; // TSC at the last look
    /// The worker that runs this stack now; null on a plain thread.
    worker* runner = nullptr;
    /// The fiber whose frames lie here; null on a worker's own loop and on plain threads.
    fiber* owner = nullptr;
    /// The greenlets among which this stack is one; null where none ever ran.
    strand* greenlets = nullptr;
    /// Operations that need not wait, until the next one that looks around (operation_point).
    unsigned operations_left = k_operations_per_look;
    /// How often something here was left to chance.
    unsigned draws = 0;

    static constexpr unsigned k_operations_per_look = 1000;
};

/// The header of the running stack. A parked fiber may resume on another thread, so the VALUE is loaded by one volatile
/// asm each time; a compiler that sees a thread_local may cache its address across a switch, and does.
inline stack_head* current_stack() noexcept {
    stack_head* value;
#if defined(__x86_64__)
    asm volatile("movq weft_current_stack@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(value));
#elif defined(__aarch64__)
    void* scratch;
    asm volatile("mrs %1, tpidr_el0\n\tadrp %0, :gottprel:weft_current_stack\n\t"
                 "ldr %0, [%0, #:gottprel_lo12:weft_current_stack]\n\tldr %0, [%1, %0]"
                 : "=&r"(value), "=&r"(scratch));
#else
#    error "weft::detail::current_stack: add the thread-local load of this architecture"
#endif
    return value;
}

} // namespace weft::detail
