// SPDX-License-Identifier: Apache-2.0
#include "base/fork_count.hpp"

#include <pthread.h>

#include <atomic>

namespace weft::detail {
namespace {

std::atomic<unsigned> count{0};

// A child has one thread when this runs.
[[maybe_unused]] const int registered =
    pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });

} // namespace

unsigned fork_count() noexcept { return count.load(std::memory_order_relaxed); }

} // namespace weft::detail
