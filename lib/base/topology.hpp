// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace weft::detail {

/// How many cores this process may use: the affinity mask, and the CPU quota of its cgroup and of all above it
/// (rounded up). At least 1.
unsigned usable_cores();

/// The CPU quota in cores that `cgroup_root` and /proc/self/cgroup's text say; empty: no limit. Reads cgroup v2
/// (cpu.max) and v1 (cpu.cfs_quota_us). Takes its inputs as arguments for the tests.
std::optional<double> cgroup_quota(const std::filesystem::path& cgroup_root,
                                   const std::filesystem::path& self_cgroup);

/// The CPUs of the affinity mask, by number; the n-th of them for pinning worker n.
int nth_allowed_cpu(unsigned n);

/// Pins the calling thread. False if the kernel refuses.
bool pin_this_thread(int cpu) noexcept;

} // namespace weft::detail
