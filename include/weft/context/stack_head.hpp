// SPDX-License-Identifier: Apache-2.0
// The part of a stack's header that inlined code may touch, and the one thread-local of the library.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/base/config.hpp>
#include <weft/context/fork_list.hpp>

namespace weft::detail {

class fiber;
class strand;
class worker;
struct stack;
struct stack_head;

} // namespace weft::detail

// The header of the stack that this thread runs on; null on a thread that never met the library. Plain __thread with the
// initial-exec model: no wrapper function, no lazy allocation.
extern "C" __attribute__((
    tls_model("initial-exec"))) __thread weft::detail::stack_head* weft_current_stack;

namespace weft::detail {

/// What __cxa_get_globals points to (Itanium C++ ABI, 2.2.2): exceptions being handled and being thrown.
struct eh_globals {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

/// The addresses of what belongs to the thread and must follow the stack. Found once per thread: __cxa_get_globals and
/// __errno_location are declared const, a compiler may reuse their result after a switch to another thread.
struct thread_state {
    eh_globals* eh = nullptr;
    int* error = nullptr;
};

/// Where a stack was left by an inline jump.
struct jump_point {
    void* ip = nullptr; // null: it was not, but waits as Boost.Context's `context`
    void* sp = nullptr;
    void* bp = nullptr;
};

/// Rounding, precision and masks of floating point, and SSE's sticky flags: they follow the stack.
struct fp_control {
    std::uint32_t mxcsr = 0;
    std::uint16_t x87 = 0;
    friend bool operator==(const fp_control&, const fp_control&) noexcept = default;
};

enum class guard_kind : unsigned char { none, installed, protected_page, canary };

/// Only code that runs on the stack writes here, except `runner`, `owner` and `thread`, which whoever resumes it sets first, and
/// robbers of forks, by the protocol of fork_list.
///
/// In three cache lines, of which a switch touches the second and the third: of many fibers, each has its own in no cache.
struct stack_head {
    // ---- the first line ----------------------------------------------------------------------------------------
    std::uint64_t forks_clock = 0; // TSC at the last look
    /// Forks until the next one that looks around (fork_point), and how many it was given at the last.
    unsigned forks_left = 1, forks_stride = 1;
    /// Operations that need not wait, until the next one that looks around (operation_point).
    unsigned operations_left = k_operations_per_look;
    /// How often something here was left to chance.
    unsigned draws = 0;
    stack* next_free = nullptr; // while nobody uses it
    /// Boost.Context's fcontext_t: where to begin, or also where to go on (jump.hpp).
    void* context = nullptr;
    /// The forks of the frames on this stack that nobody else knows of. Its newest one lies in the second line.
    fork_list forks;

    // ---- the second --------------------------------------------------------------------------------------------
    /// The fiber whose frames lie here; null on a worker's own loop and on plain threads.
    fiber* owner = nullptr;
    /// The greenlets among which this stack is one; null where none ever ran.
    strand* greenlets = nullptr;
    fp_control fp;
    /// The worker that runs this stack now; null on a plain thread.
    worker* runner = nullptr;

    // ---- the third ---------------------------------------------------------------------------------------------
    jump_point where;
    void (*after)(stack& left) = nullptr; // runs on the next stack once this one is saved
    thread_state* thread = nullptr;
    eh_globals eh;
    int error = 0;
    std::atomic<bool> saved{
        true}; // the rest is complete: release by after_save, acquire by whoever resumes
    guard_kind guard = guard_kind::none;

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
