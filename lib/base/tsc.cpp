// SPDX-License-Identifier: Apache-2.0
#include "base/tsc.hpp"

#include "base/timespec.hpp"

namespace weft::detail {
namespace {

deadline_ns monotonic() noexcept { return read_clock(CLOCK_MONOTONIC); }

std::uint64_t measure() noexcept {
    constexpr deadline_ns k_for = 200'000; // 200 us: a fraction of a percent is plenty
    const deadline_ns start = monotonic();
    const std::uint64_t first = read_tsc();
    while (monotonic() - start < k_for) {}
    const std::uint64_t ticks = read_tsc() - first;
    return (ticks << 32) / static_cast<std::uint64_t>(monotonic() - start);
}

const std::uint64_t rate = measure();

} // namespace

std::uint64_t tsc_rate() noexcept { return rate; }

double tsc_ns(std::uint64_t ticks) noexcept {
    return static_cast<double>(ticks) / (static_cast<double>(rate) / 4294967296.0);
}

} // namespace weft::detail
