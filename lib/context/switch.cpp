// SPDX-License-Identifier: Apache-2.0
#include <weft/context/switch.hpp>

#include <cxxabi.h>
#include <errno.h>
#include <pthread.h>

#include "base/assert.hpp"

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

#if WEFT_ASAN
void finish_asan_switch(stack& self) noexcept {
    __sanitizer_finish_switch_fiber(self.asan_fake_stack, nullptr, nullptr);
}

// Some MiB of address space, which count as committed: fork fails when there are too many. A fake stack is destroyed by
// whoever leaves its stack for good, so this tells ASAN of a switch there and back, and does neither.
[[gnu::no_sanitize_address]] static void destroy_fake_stack(stack& s) noexcept {
    void* ours = nullptr;
    const void* our_low = nullptr;
    std::size_t our_size = 0;
    __sanitizer_start_switch_fiber(&ours, s.low, s.size);
    __sanitizer_finish_switch_fiber(s.asan_fake_stack, &our_low, &our_size);
    __sanitizer_start_switch_fiber(nullptr, our_low, our_size);
    __sanitizer_finish_switch_fiber(ours, nullptr, nullptr);
    s.asan_fake_stack = nullptr;
}
#endif

void forget_context([[maybe_unused]] stack& s) noexcept {
#if WEFT_ASAN
    if (s.asan_fake_stack != nullptr) destroy_fake_stack(s);
#endif
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
