// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/base/clock.hpp>

namespace weft::detail {

/// Sleeps while word == expected, at most until the deadline (CLOCK_MONOTONIC). Returns early for no reason at times:
/// callers loop. The lost wake-up is prevented by the kernel's comparison.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                deadline_ns deadline = k_never) noexcept;

void futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept;

/// The same for a word in memory that processes share.
void shared_futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       deadline_ns deadline = k_never) noexcept;
void shared_futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept;

} // namespace weft::detail
