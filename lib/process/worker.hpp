// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// A worker's life: limits, initializer, calls, until its socket is closed. Returns its exit status.
int worker_main(int socket, int page) noexcept;

/// Asks for SIGKILL at the end of the parent, which must be this one.
void die_with(int parent) noexcept;

} // namespace weft::detail
