// SPDX-License-Identifier: Apache-2.0
#include "base/thread_priority.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <thread>

namespace weft::detail {

// Linux keeps a nice value for each thread, whatever POSIX says of processes: setpriority(2), "C library/kernel differences".
int thread_nice(int thread_id) noexcept {
    return getpriority(PRIO_PROCESS, static_cast<id_t>(thread_id));
}

bool set_thread_nice(int thread_id, int nice) noexcept {
    return setpriority(PRIO_PROCESS, static_cast<id_t>(thread_id), std::clamp(nice, -20, 19)) == 0;
}

bool can_restore_nice() noexcept {
    bool can = false;
    try {
        std::thread([&can] {
            const int before = thread_nice(0);
            can = before < 19 && set_thread_nice(0, before + 1) && set_thread_nice(0, before);
        }).join();
    } catch (const std::exception&) { return false; } // no thread to be had
    return can;
}

} // namespace weft::detail
