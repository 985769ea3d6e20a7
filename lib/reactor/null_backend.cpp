// SPDX-License-Identifier: Apache-2.0
#include "reactor/null_backend.hpp"

#include <algorithm>
#include <chrono>

namespace weft::detail {

unsigned null_backend::poll(deadline_ns until) noexcept {
    if (until <= 0) return 0;
    std::unique_lock lock(mutex_);
    if (time_.is_virtual() && until != k_never) {
        if (!woken_) time_.advance_to(until);
    } else if (until == k_never) {
        changed_.wait(lock, [this] { return woken_; });
    } else {
        const auto left = std::chrono::nanoseconds(std::max<deadline_ns>(0, until - time_.now()));
        changed_.wait_for(lock, left, [this] { return woken_; });
    }
    woken_ = false;
    return 0;
}

void null_backend::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    changed_.notify_one();
}

} // namespace weft::detail
