// SPDX-License-Identifier: Apache-2.0
// WEFT_ASSERT: checked in builds with WEFT_DEBUG_CHECKS. WEFT_INVARIANT: always. Both say what and where, and abort.
#pragma once

namespace weft::detail {
[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;
} // namespace weft::detail

#define WEFT_INVARIANT(condition)                                                                  \
    ((condition) ? void(0) : ::weft::detail::assertion_failed(#condition, __FILE__, __LINE__))

#ifdef WEFT_DEBUG_CHECKS
#    define WEFT_ASSERT(condition) WEFT_INVARIANT(condition)
#else
#    define WEFT_ASSERT(condition) void(sizeof(!(condition)))
#endif
