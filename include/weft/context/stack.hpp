// SPDX-License-Identifier: Apache-2.0
// A stack: its header (at the stack's own upper end), what a switch saves, and where it lies.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <weft/context/stack_head.hpp>

namespace weft::detail {

struct stack;

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

/// Written by whoever runs on the stack; after `saved` is true, by whoever resumes it.
struct alignas(64) stack : stack_head {
    jump_point where;
    fp_control fp;
    void* context =
        nullptr; // Boost.Context's fcontext_t: where to begin, or also where to go on (jump.hpp)
    std::atomic<bool> saved{
        true}; // context is complete: release by after_save, acquire by whoever resumes
    guard_kind guard = guard_kind::none;
    bool single = false;                  // mapped for one fiber, unmapped at its end
    bool is_greenlet = false;             // runs greenlets, beside a thread's or a task's own stack
    void (*after)(stack& left) = nullptr; // runs on the next stack once this one is saved
    thread_state* thread = nullptr;
    eh_globals eh;
    int error = 0;
    std::byte* low = nullptr; // lowest usable byte; the guard lies below
    std::size_t size = 0;     // usable bytes from low up
    stack* next_free = nullptr;
    void* tsan_fiber = nullptr;
    void* asan_fake_stack = nullptr;
};

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
