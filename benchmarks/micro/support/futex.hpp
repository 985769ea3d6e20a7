// SPDX-License-Identifier: Apache-2.0
// The bare system call: the floor of every wake-up of a thread.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace bench {

inline void futex_sleep(std::atomic<std::uint32_t>& word, std::uint32_t while_it_is) {
    while (word.load(std::memory_order_acquire) == while_it_is)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, while_it_is, nullptr, nullptr, 0);
}

inline void futex_wake_one(std::atomic<std::uint32_t>& word, std::uint32_t now) {
    word.store(now, std::memory_order_release);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

} // namespace bench
