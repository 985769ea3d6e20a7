// SPDX-License-Identifier: Apache-2.0
// The call stack of who does not run. Read, not resumed: README.md, "Parked call stacks".
#pragma once

#include <cstddef>
#include <span>

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Code addresses, innermost first, each within its call; how many there were. 0: it has not begun, or this machine's stacks
/// can't be read. `s` was seen saved, and nobody resumes it meanwhile. Allocates nothing.
std::size_t frames_of_parked(const stack& s, std::span<const void*> to) noexcept;

} // namespace weft::detail
