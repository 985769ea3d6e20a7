// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// Does that thread of this process sleep in the kernel, as opposed to running or waiting for a core? True as well when
/// nobody can tell (no /proc, no descriptor to be had). Costs some system calls.
bool thread_sleeps(int thread_id) noexcept;

} // namespace weft::detail
