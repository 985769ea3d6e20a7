// SPDX-License-Identifier: Apache-2.0
#include "reactor/slot_pool.hpp"

#include <mutex>

namespace weft::detail {

io_slot* slot_pool::take(int fd) {
    io_slot* slot = nullptr;
    {
        const std::lock_guard guard(lock_);
        if (free_ != nullptr) {
            slot = free_;
            free_ = slot->next_free;
        } else {
            slot = &all_.emplace_back();
        }
    }
    slot->fd = fd;
    slot->home = nullptr;
    slot->waits_elsewhere = 0;
    slot->hung_up.store(false, std::memory_order_relaxed);
    for (auto& word : slot->words) word.store(io_slot::k_unknown, std::memory_order_relaxed);
    return slot;
}

void slot_pool::put(io_slot* slot) noexcept {
    slot->generation.fetch_add(1, std::memory_order_release); // pairs with the acquire of a poll that meets an old event
    const std::lock_guard guard(lock_);
    slot->next_free = free_;
    free_ = slot;
}

} // namespace weft::detail
