// SPDX-License-Identifier: Apache-2.0
// membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED: the kernel interrupts every core that runs a thread of this process.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/base/atomics.hpp>

namespace weft::detail {
namespace {

bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

} // namespace

bool has_heavy_fence() noexcept {
    static const bool registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    return registered;
}

void heavy_fence() noexcept { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

} // namespace weft::detail
