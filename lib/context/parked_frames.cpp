// SPDX-License-Identifier: Apache-2.0
#include "context/parked_frames.hpp"

#include <unwind.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <weft/context/jump.hpp>

namespace weft::detail {

#if defined(__x86_64__)

extern "C" void weft_unwind_parked(_Unwind_Trace_Fn note, void* argument, const jump_point* from);

// Calls _Unwind_Backtrace(note, argument) as if `from` had called it: the unwind table says that this function's caller has
// from->sp, from->ip and from->bp. DWARF 5, 6.4.2; 0x7c is DW_OP_breg12, 0x06 DW_OP_deref; 16 the return address, 6 rbp.
asm(R"(
    .text
    .p2align 4
    .type weft_unwind_parked, @function
    .hidden weft_unwind_parked
    .globl weft_unwind_parked
weft_unwind_parked:
    .cfi_startproc
    endbr64
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    movq %rdx, %r12
    .cfi_remember_state
    .cfi_escape 0x0f, 3, 0x7c, 8, 0x06
    .cfi_escape 0x10, 16, 2, 0x7c, 0
    .cfi_escape 0x10, 6, 2, 0x7c, 16
    .cfi_same_value %r12
    call _Unwind_Backtrace@PLT
    .cfi_restore_state
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    ret
    .cfi_endproc
    .size weft_unwind_parked, . - weft_unwind_parked
)");
static_assert(offsetof(jump_point, ip) == 0 && offsetof(jump_point, sp) == 8 &&
              offsetof(jump_point, bp) == 16);

namespace {

struct found_frames {
    std::span<const void*> to;
    std::size_t count = 0;
    bool is_ours = true; // the first is the reader's own
};

_Unwind_Reason_Code note_parked(_Unwind_Context* context, void* argument) noexcept {
    auto& found = *static_cast<found_frames*>(argument);
    if (std::exchange(found.is_ours, false)) return _URC_NO_REASON;
    const std::uintptr_t at = _Unwind_GetIP(context);
    if (at == 0 || found.count == found.to.size()) return _URC_END_OF_STACK;
    found.to[found.count++] = reinterpret_cast<const void*>(at - 1);
    return _URC_NO_REASON;
}

jump_point where(const stack& s) noexcept {
#    if WEFT_JUMP_IN_LINE
    return s.where;
#    else
    // As Boost.Context leaves it on the stack (jump_x86_64_sysv_elf_gas.S): 0x30 bytes of control words and registers, rbp,
    // the return address.
    jump_point at;
    if (s.context == nullptr) return at;
    const auto* left = static_cast<const std::byte*>(s.context);
    std::memcpy(&at.bp, left + 0x30, sizeof at.bp);
    std::memcpy(&at.ip, left + 0x38, sizeof at.ip);
    at.sp = const_cast<std::byte*>(left) + 0x40;
    return at;
#    endif
}

} // namespace

std::size_t frames_of_parked(const stack& s, std::span<const void*> to) noexcept {
    const jump_point from = where(s);
    if (from.ip == nullptr) return 0;
    found_frames found{to};
    weft_unwind_parked(note_parked, &found, &from);
    return found.count;
}

#else

std::size_t frames_of_parked(const stack&, std::span<const void*>) noexcept { return 0; }

#endif

} // namespace weft::detail
