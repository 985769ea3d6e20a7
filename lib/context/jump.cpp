// SPDX-License-Identifier: Apache-2.0
#include "context/jump.hpp"

#if defined(__x86_64__) && !defined(__SHSTK__)
// The code after the call runs twice: first when Boost's jump arrives there; then again by a ret to the very same address,
// which is what the predictor expects after that call. rbx, which a jump saves and restores, tells the two apart.
// (With shadow stacks, a ret without a call would be a fault: there the plain jump is used.)
asm(R"(
    .text
    .globl weft_jump
    .hidden weft_jump
    .type weft_jump, @function
    .align 16
weft_jump:
    .cfi_startproc
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    xorl %ebx, %ebx
    call jump_fcontext@PLT
1:
    testl %ebx, %ebx
    jne 2f
    incl %ebx
    leaq 1b(%rip), %rcx
    pushq %rcx
    ret
2:
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    ret
    .cfi_endproc
    .size weft_jump, .-weft_jump
)");
#endif
