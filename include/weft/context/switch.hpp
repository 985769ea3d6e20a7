// SPDX-License-Identifier: Apache-2.0
// The one function that changes stacks.
#pragma once

#include <weft/context/canary.hpp>
#include <weft/context/jump.hpp>
#include <weft/context/stack.hpp>

namespace weft::detail {

/// The usual `after`: lets others resume the stack.
inline void after_save(stack& left) noexcept {
    left.saved.store(true,
                     std::memory_order_release); // pairs with the acquire of whoever resumes it
}

/// The `after` of a stack that nobody else looks at.
inline void after_leave(stack&) noexcept {}

#if WEFT_ASAN
void finish_asan_switch(stack& self) noexcept;
#endif

/// The first thing on the stack that was switched to: completes the one that was left.
[[gnu::always_inline]] inline void arrive(stack& left, [[maybe_unused]] stack& self) noexcept {
#if WEFT_ASAN
    finish_asan_switch(self);
#endif
    // One of the first two nearly always: spares an indirect call.
    if (left.after == after_save)
        after_save(left);
    else if (left.after != after_leave) [[unlikely]]
        left.after(left);
}

/// Saves the running stack `from` and goes on with `to`, whose `saved` the caller has seen true. `after(from)` is run on
/// `to` as soon as from is complete; it must not throw or switch. Returns when somebody switches back, maybe on another
/// thread. Exception state and errno travel with the stack; they are swapped here, on the resumer's side.
[[gnu::always_inline]] inline void switch_stacks(stack& from, stack& to,
                                                 void (*after)(stack& left)) noexcept {
    thread_state& thread = *from.thread;
    from.eh = *thread.eh;
    from.error = *thread.error;
    *thread.eh = to.eh;
    *thread.error = to.error;
    if (from.guard == guard_kind::canary) [[unlikely]]
        check_canary(from);
    to.thread = &thread;
    to.runner = from.runner;
    from.after = after;
    set_current_stack(&to);
    arrive(jump(from, to), from);
}

/// Prepares `s` (low and size set) so that the first switch to it calls main(s), which must not return.
void make_context(stack& s, void (*main)(stack&)) noexcept;

/// Releases what the sanitizers keep for a stack that will never run again.
void forget_context(stack& s) noexcept;

/// Makes `s` stand for the calling thread's own stack, and current; `state` is filled in. Both live as long as the
/// thread uses the library.
void adopt_thread(stack& s, thread_state& state) noexcept;
/// Undoes adopt_thread, on the same thread; `before` is current again.
void release_thread(stack& s, stack_head* before = nullptr) noexcept;

} // namespace weft::detail
