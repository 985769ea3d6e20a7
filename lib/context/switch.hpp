// SPDX-License-Identifier: Apache-2.0
// The one function that changes stacks.
#pragma once

#include "context/stack.hpp"

namespace weft::detail {

/// Saves the running stack `from` and goes on with `to`, whose `saved` the caller has seen true. `after(from)` is run on
/// `to` as soon as from is complete; it must not throw or switch. Returns when somebody switches back, maybe on another
/// thread. Exception state and errno travel with the stack; they are swapped here, on the resumer's side.
void switch_stacks(stack& from, stack& to, void (*after)(stack& left)) noexcept;

/// The usual `after`: lets others resume the stack.
void after_save(stack& left) noexcept;

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
