// SPDX-License-Identifier: Apache-2.0
#include "context/switch.hpp"

#include <cxxabi.h>
#include <errno.h>
#include <pthread.h>

#include "base/assert.hpp"
#include "context/canary.hpp"
#include "context/jump.hpp"

#if WEFT_ASAN
#    include <sanitizer/common_interface_defs.h>
#endif
#if WEFT_TSAN
#    include <sanitizer/tsan_interface.h>
#endif

extern "C" {
__attribute__((tls_model("initial-exec"))) __thread weft::detail::stack_head* weft_current_stack =
    nullptr;
}

namespace weft::detail {
namespace {

namespace bc = boost::context::detail;

void set_current_stack(stack_head* s) noexcept {
    // Called before a jump only, in a function of its own: the thread-local's address is never kept over a switch.
    weft_current_stack = s;
}

// First thing on the stack that was switched to: completes the one that was left.
void arrive(bc::transfer_t from, [[maybe_unused]] stack& self) noexcept {
#if WEFT_ASAN
    __sanitizer_finish_switch_fiber(self.asan_fake_stack, nullptr, nullptr);
#endif
    auto* left = static_cast<stack*>(from.data);
    left->context = from.fctx;
    left->after(*left);
}

void entry(bc::transfer_t from) {
    auto* self = static_cast<stack*>(current_stack());
    // make_context left the main function where `after` goes later: nobody has switched away from here yet.
    auto* main = self->after;
    arrive(from, *self);
    main(*self);
    assertion_failed("a stack's main function returned", __FILE__, __LINE__);
}

} // namespace

// Noinline: thread-local addresses computed in here die before the jump. Uninstrumented parts are the sanitizers' own.
[[gnu::noinline]] void switch_stacks(stack& from, stack& to, void (*after)(stack& left)) noexcept {
    thread_state& thread = *from.thread;
    from.eh = *thread.eh;
    from.error = *thread.error;
    *thread.eh = to.eh;
    *thread.error = to.error;
    if (from.guard == guard_kind::canary) [[unlikely]]
        check_canary(from);
    to.thread = &thread;
    to.runner = from.runner;
    bc::fcontext_t target = to.context;
    WEFT_ASSERT(target != nullptr && to.after != nullptr);
    from.after = after;
    set_current_stack(&to);
#if WEFT_ASAN
    __sanitizer_start_switch_fiber(&from.asan_fake_stack, to.low, to.size);
#endif
#if WEFT_TSAN
    __tsan_switch_to_fiber(to.tsan_fiber, 0);
#endif
    arrive(jump(target, &from), from);
}

void after_save(stack& left) noexcept {
    left.saved.store(true,
                     std::memory_order_release); // pairs with the acquire of whoever resumes it
}

void make_context(stack& s, void (*main)(stack&)) noexcept {
    // The header lies at the stack's upper end; frames begin below it.
    s.context = bc::make_fcontext(&s, s.size, entry);
    s.after = main;
#if WEFT_TSAN
    s.tsan_fiber = __tsan_create_fiber(0);
#endif
}

void forget_context([[maybe_unused]] stack& s) noexcept {
#if WEFT_TSAN
    if (s.tsan_fiber != nullptr) __tsan_destroy_fiber(s.tsan_fiber);
    s.tsan_fiber = nullptr;
#endif
}

[[gnu::noinline]] void adopt_thread(stack& s, thread_state& state) noexcept {
    state.eh = reinterpret_cast<eh_globals*>(abi::__cxa_get_globals());
    state.error = &errno;
    s.thread = &state;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        void* low = nullptr;
        pthread_attr_getstack(&attributes, &low, &s.size);
        s.low = static_cast<std::byte*>(low);
        pthread_attr_destroy(&attributes);
    }
    s.after = after_save; // its context comes with the first switch away
#if WEFT_TSAN
    s.tsan_fiber = __tsan_get_current_fiber();
#endif
    set_current_stack(&s);
}

void release_thread(stack& s, stack_head* before) noexcept {
    WEFT_ASSERT(current_stack() == &s);
    set_current_stack(before);
}

} // namespace weft::detail
