// SPDX-License-Identifier: Apache-2.0
// Stacks for greenlets, of all threads: one pool, which lives as long as the process.
#pragma once

#include <cstddef>

#include <weft/context/stack.hpp>

namespace weft::detail {

/// A stack that begins in `main` at its first use; later ones go on where the last greenlet on it ended.
/// `size` 0: the usual. Throws std::system_error.
stack* take_greenlet_stack(std::size_t size, void (*main)(stack&));
/// Nobody runs on it.
void give_greenlet_stack(stack* s) noexcept;
/// How many are taken now.
std::size_t live_greenlet_stacks() noexcept;

} // namespace weft::detail
