// SPDX-License-Identifier: Apache-2.0
#include "sched/spares.hpp"

#include <algorithm>
#include <mutex>

namespace weft::detail {

void spare_list::add(worker& w) noexcept {
    const std::lock_guard guard(lock_);
    idle_.push_back(&w);
}

worker* spare_list::take() noexcept {
    const std::lock_guard guard(lock_);
    if (idle_.empty()) return nullptr;
    worker* w = idle_.back();
    idle_.pop_back();
    return w;
}

bool spare_list::take(worker& w) noexcept {
    const std::lock_guard guard(lock_);
    const auto at = std::find(idle_.begin(), idle_.end(), &w);
    if (at == idle_.end()) return false;
    idle_.erase(at);
    return true;
}

bool spare_list::contains(const worker& w) noexcept {
    const std::lock_guard guard(lock_);
    return std::find(idle_.begin(), idle_.end(), &w) != idle_.end();
}

std::size_t spare_list::size() noexcept {
    const std::lock_guard guard(lock_);
    return idle_.size();
}

} // namespace weft::detail
