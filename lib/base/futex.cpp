// SPDX-License-Identifier: Apache-2.0
#include "base/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace weft::detail {

void futex_wait(const std::uint32_t* word, std::uint32_t expected, deadline_ns deadline) noexcept {
    timespec until{};
    timespec* limit = nullptr;
    if (deadline != k_never) {
        until.tv_sec = deadline / 1'000'000'000;
        until.tv_nsec = deadline % 1'000'000'000;
        limit = &until;
    }
    // WAIT_BITSET takes an absolute time, so that interrupted waits need no arithmetic.
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(const std::uint32_t* word, int how_many) noexcept {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, how_many, nullptr, nullptr, 0);
}

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline_ns deadline) noexcept {
    futex_wait(reinterpret_cast<const std::uint32_t*>(&word), expected, deadline);
}
void futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept {
    futex_wake(reinterpret_cast<const std::uint32_t*>(&word), how_many);
}

} // namespace weft::detail
