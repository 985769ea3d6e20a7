// SPDX-License-Identifier: Apache-2.0
// Leaving one stack for another. Why not by a call: docs/design/the-switch.md.
#pragma once

#include <cstddef>

#include <weft/context/stack.hpp>

// Where stacks are left and entered again by a few instructions in line. Sanitizers and shadow stacks want calls and returns
// in pairs: there, and on other machines, each change is Boost.Context's jump.
#if defined(__x86_64__) && !defined(__SHSTK__) && !WEFT_ASAN && !WEFT_TSAN
#    define WEFT_JUMP_IN_LINE 1
#else
#    define WEFT_JUMP_IN_LINE 0
#endif

namespace weft::detail {

#if WEFT_JUMP_IN_LINE

// A macro, since the list must stand in the asm statement: all but those that carry operands, and rsp and rbp.
#    ifdef __AVX512F__
#        define WEFT_AVX512_REGISTERS                                                              \
            "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",       \
                "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2",   \
                "k3", "k4", "k5", "k6", "k7",
#    else
#        define WEFT_AVX512_REGISTERS
#    endif
#    define WEFT_ALL_REGISTERS                                                                     \
        WEFT_AVX512_REGISTERS                                                                      \
        "rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",        \
            "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",      \
            "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", \
            "st(6)", "st(7)", "memory", "cc"

/// Leaves `from` for `to`, which has not begun: by Boost.Context's jump. Returns as jump does.
stack& begin_jump(stack& from, stack& to) noexcept;

inline void save_fp_control(fp_control& c) noexcept {
    asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(c.mxcsr), "=m"(c.x87));
}
inline void load_fp_control(const fp_control& c) noexcept {
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(c.mxcsr), "m"(c.x87));
}

// Never a cached address: see current_stack.
[[gnu::always_inline]] inline void set_current_stack(stack_head* s) noexcept {
    void* at;
    asm volatile("movq weft_current_stack@gottpoff(%%rip), %0\n\tmovq %1, %%fs:(%0)"
                 : "=&r"(at)
                 : "r"(s)
                 : "memory");
}

/// Leaves `from` for `to`; returns when somebody jumps back: the stack that he left.
///
/// All registers count as overwritten, so the compiler saves what it needs, and only that. Nothing is called, so each ret on the
/// way back up is predicted by the call that belongs to it, wherever the ways of two stacks are the same.
[[gnu::always_inline]] inline stack& jump(stack& from, stack& to) noexcept {
    if (to.where.ip == nullptr) [[unlikely]]
        return begin_jump(from, to);
    save_fp_control(from.fp);
    if (from.fp != to.fp) [[unlikely]]
        load_fp_control(to.fp);
    stack* left = &from;
    jump_point* at = &from.where;
    jump_point* target = &to.where;
    asm volatile("leaq 1f(%%rip), %%rax\n\t"
                 "movq %%rax, %c[ip](%[at])\n\t"
                 "movq %%rsp, %c[sp](%[at])\n\t"
                 "movq %%rbp, %c[bp](%[at])\n\t"
                 "movq %c[sp](%[target]), %%rsp\n\t"
                 "movq %c[bp](%[target]), %%rbp\n\t"
                 "jmpq *%c[ip](%[target])\n"
                 "1:"
                 : "+D"(left), [at] "+S"(at), [target] "+d"(target)
                 : [ip] "i"(offsetof(jump_point, ip)), [sp] "i"(offsetof(jump_point, sp)),
                   [bp] "i"(offsetof(jump_point, bp))
                 : "rcx", WEFT_ALL_REGISTERS);
    return *left;
}

#else

stack& jump(stack& from, stack& to) noexcept;
void set_current_stack(stack_head* s) noexcept;

#endif

} // namespace weft::detail
