// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// The nice value of a thread of this process (0: the caller).
int thread_nice(int thread_id) noexcept;
/// False if the kernel refuses.
bool set_thread_nice(int thread_id, int nice) noexcept;

/// May this process make a thread nicer and take that back? The second needs CAP_SYS_NICE or a limit (RLIMIT_NICE) that
/// allows it, as of root or by systemd's LimitNICE=. Tries it out on a thread of its own.
bool can_restore_nice() noexcept;

} // namespace weft::detail
