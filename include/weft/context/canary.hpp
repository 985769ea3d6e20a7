// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Writes the pattern at the stack's lower end: for stacks that could get no guard page.
void place_canary(stack& s) noexcept;
/// Reports an overflow and aborts if the pattern is gone.
void check_canary(const stack& s) noexcept;

} // namespace weft::detail
