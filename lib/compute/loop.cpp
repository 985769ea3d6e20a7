// SPDX-License-Identifier: Apache-2.0
#include <weft/compute/loop.hpp>

#include "base/tsc.hpp"
#include "sched/fork_list.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

constexpr deadline_ns k_chunk = 20'000;

} // namespace

// Pieces of a single chunk are many: they read no clock. So the first chunk of a piece is measured from the last time that
// anybody came here, which is too long, and may only let the chunks grow.
bool loop_pace::next() {
    const std::uint64_t now = read_tsc();
    const std::uint64_t since = began_ != 0 ? began_ : hint_.looked.load(std::memory_order_relaxed);
    const std::uint64_t fits = // sixteenths of a chunk
        tsc_ticks(k_chunk) * 16 / (tsc_between(since, now) + 1);
    if (fits >= 32)
        chunk_ *= 2;
    else if (began_ != 0)
        chunk_ = std::max<std::size_t>(chunk_ * fits / 16, 1);
    hint_.chunk.store(chunk_, std::memory_order_relaxed);
    const bool split = loop_point();
    began_ = read_tsc();
    hint_.looked.store(began_, std::memory_order_relaxed);
    return split;
}

unsigned workers_here() noexcept {
    worker* w = worker::current();
    return w != nullptr ? w->home().permits() : 1;
}

} // namespace weft::detail
