// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// How many forks lie between the program's start and this process: who keeps it sees by it that threads and locks are another
/// process's. Async-signal-safe.
unsigned fork_count() noexcept;

} // namespace weft::detail
