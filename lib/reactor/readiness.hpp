// SPDX-License-Identifier: Apache-2.0
// Completions made of readiness: the words of io_slot. Protocol and proof in README.md.
#pragma once

#include "reactor/operation.hpp"

namespace weft::detail {

/// One attempt, without waiting: bytes, descriptor or 0; or -errno, -EAGAIN when it would have to wait. `readable` and
/// `writable` ask for the state of this moment. fd is non-blocking.
ssize_t try_operation(operation_kind kind, int fd, void* buffer, std::size_t size) noexcept;
/// backend::submit for readiness backends.
bool submit_by_readiness(operation& op, bool (*begin)(operation&, void*), void* context) noexcept;
/// backend::retract for readiness backends.
bool retract_by_readiness(operation& op) noexcept;
/// An edge arrived. 1 if it completed an operation, else 0.
unsigned mark_ready(io_slot& slot, io_direction direction) noexcept;
/// Ends both directions for good: who waits gets -ECANCELED.
void mark_closed(io_slot& slot) noexcept;

} // namespace weft::detail
