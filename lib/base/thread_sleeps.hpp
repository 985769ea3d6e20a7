// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace weft::detail {

/// Does that thread of this process sleep in the kernel, as opposed to running or waiting for a core? True as well when
/// nobody can tell (no /proc, no descriptor to be had). Costs some system calls.
bool thread_sleeps(int thread_id) noexcept;

/// What the calling thread has done so far.
struct thread_usage {
    std::uint64_t sleeps = 0; // how often it went to sleep in the kernel
    std::int64_t cpu = 0;     // its time on a core, in ns; in steps of 1 us
};
thread_usage usage_of_this_thread() noexcept;

} // namespace weft::detail
