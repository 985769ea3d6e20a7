// SPDX-License-Identifier: Apache-2.0
// Boost.Context's jump, made friendly to the processor's return predictor.
#pragma once

#include <boost/context/detail/fcontext.hpp>

#if defined(__x86_64__) && !defined(__SHSTK__)
extern "C" boost::context::detail::transfer_t weft_jump(boost::context::detail::fcontext_t to,
                                                        void* data) noexcept;
#endif

namespace weft::detail {

/// Leaves this stack for `to`; returns when somebody jumps back.
///
/// On x86-64 Boost's jump arrives by an indirect jmp. The processor predicts each ret from a stack of its own of the calls it
/// has seen, and the entry for the call of the jump stays on that: every ret on the way back up to the task's
/// code would be predicted wrong. weft_jump uses that entry up (lib/context/jump.cpp).
inline boost::context::detail::transfer_t jump(boost::context::detail::fcontext_t to,
                                               void* data) noexcept {
#if defined(__x86_64__) && !defined(__SHSTK__)
    return weft_jump(to, data);
#else
    return boost::context::detail::jump_fcontext(to, data);
#endif
}

} // namespace weft::detail
