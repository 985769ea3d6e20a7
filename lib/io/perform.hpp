// SPDX-License-Identifier: Apache-2.0
// The one loop that waits for the kernel. See README.md.
#pragma once

#include <weft/base/clock.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

class scheduler;

/// Does the operation on a registered slot in the running fiber of `home`, waiting until the deadline: bytes, descriptor or 0;
/// or -errno, -ETIME for the deadline, -ECANCELED when the slot was closed. Throws cancelled_error.
ssize_t perform_on(io_slot& slot, scheduler& home, operation_kind kind, void* buffer,
                   std::size_t size, deadline_ns limit);

/// A plain thread's wait, until the descriptor is ready or for no reason: 0, or -errno; -ETIME after the deadline.
int poll_once(int fd, io_direction direction, deadline_ns limit) noexcept;

} // namespace weft::detail
