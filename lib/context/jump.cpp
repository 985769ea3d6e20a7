// SPDX-License-Identifier: Apache-2.0
// The first jump to a stack, and where it is not done in line every jump: Boost.Context's.
#include <weft/context/jump.hpp>

#include <boost/context/detail/fcontext.hpp>

#include "base/assert.hpp"
#include <weft/context/switch.hpp>

#if WEFT_ASAN
#    include <sanitizer/common_interface_defs.h>
#endif
#if WEFT_TSAN
#    include <sanitizer/tsan_interface.h>
#endif

namespace weft::detail {
namespace {

namespace bc = boost::context::detail;

void entry(bc::transfer_t from) {
    auto* self = static_cast<stack*>(current_stack());
    auto* left = static_cast<stack*>(from.data);
#if !WEFT_JUMP_IN_LINE
    left->context = from.fctx;
#endif
    // make_context left the main function where `after` goes later: nobody has switched away from here yet.
    auto* main = self->after;
    arrive(*left, *self);
    main(*self);
    assertion_failed("a stack's main function returned", __FILE__, __LINE__);
}

} // namespace

void make_context(stack& s, void (*main)(stack&)) noexcept {
    // The header lies at the stack's upper end; frames begin below it.
    s.context = bc::make_fcontext(&s, s.size, entry);
    s.after = main;
#if WEFT_TSAN
    s.tsan_fiber = __tsan_create_fiber(0);
#endif
}

#if WEFT_JUMP_IN_LINE

// What Boost's jump saves of `from` is thrown away: `from` goes on behind the label, as after any other jump.
[[gnu::noinline]] stack& begin_jump(stack& from, stack& to) noexcept {
    WEFT_ASSERT(to.after != nullptr); // its main function: make_context
    save_fp_control(from.fp);
    stack* left = &from;
    jump_point* at = &from.where;
    void* first = to.context;
    asm volatile("leaq 1f(%%rip), %%rax\n\t"
                 "movq %%rax, %c[ip](%[at])\n\t"
                 "movq %%rsp, %c[sp](%[at])\n\t"
                 "movq %%rbp, %c[bp](%[at])\n\t"
                 "subq $128, %%rsp\n\t" // the compiler may use so much below
                 "andq $-16, %%rsp\n\t"
                 "movq %%rdi, %%rsi\n\t"
                 "movq %%rdx, %%rdi\n\t"
                 "call *%%rcx\n"
                 "1:"
                 : "+D"(left), [at] "+S"(at), "+d"(first)
                 : [ip] "i"(offsetof(jump_point, ip)), [sp] "i"(offsetof(jump_point, sp)),
                   [bp] "i"(offsetof(jump_point, bp)), "c"(bc::jump_fcontext)
                 : WEFT_ALL_REGISTERS);
    return *left;
}

#else

// Called before a jump only, and not in line: the thread-local's address is never kept over a switch.
[[gnu::noinline]] void set_current_stack(stack_head* s) noexcept { weft_current_stack = s; }

// Uninstrumented parts are the sanitizers' own.
[[gnu::noinline]] stack& jump(stack& from, stack& to) noexcept {
    WEFT_ASSERT(to.after != nullptr);
#    if WEFT_ASAN
    __sanitizer_start_switch_fiber(&from.asan_fake_stack, to.low, to.size);
#    endif
#    if WEFT_TSAN
    __tsan_switch_to_fiber(to.tsan_fiber, 0);
#    endif
    const bc::transfer_t back = bc::jump_fcontext(to.context, &from);
    auto* left = static_cast<stack*>(back.data);
    left->context = back.fctx;
    return *left;
}

#endif

} // namespace weft::detail
