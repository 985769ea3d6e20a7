// SPDX-License-Identifier: Apache-2.0
#include "base/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/timespec.hpp"

namespace weft::detail {
namespace {

void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline_ns deadline,
          int flavour) noexcept {
    const timespec until = to_timespec(deadline);
    // WAIT_BITSET takes an absolute time, so that interrupted waits need no arithmetic.
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | flavour, expected,
            deadline != k_never ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void wake(const std::atomic<std::uint32_t>& word, int how_many, int flavour) noexcept {
    syscall(SYS_futex, &word, FUTEX_WAKE | flavour, how_many, nullptr, nullptr, 0);
}

} // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline_ns deadline) noexcept {
    wait(word, expected, deadline, FUTEX_PRIVATE_FLAG);
}

void futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept {
    wake(word, how_many, FUTEX_PRIVATE_FLAG);
}

void shared_futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       deadline_ns deadline) noexcept {
    wait(word, expected, deadline, 0);
}

void shared_futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept {
    wake(word, how_many, 0);
}

} // namespace weft::detail
