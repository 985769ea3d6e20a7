// SPDX-License-Identifier: Apache-2.0
#include "reactor/slot_pool.hpp"

#include <sched.h>

#include <mutex>

#include "reactor/reactor.hpp"

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
    slot->home.store(nullptr, std::memory_order_relaxed);
    slot->waits_elsewhere.store(0, std::memory_order_relaxed);
    slot->hung_up.store(false, std::memory_order_relaxed);
    for (auto& direction : slot->directions) direction.reset();
    return slot;
}

void slot_pool::put(io_slot* slot) noexcept {
    slot->generation.fetch_add(
        1, std::memory_order_release); // pairs with the acquire of a poll that meets an old event
    const std::lock_guard guard(lock_);
    slot->next_free = free_;
    free_ = slot;
}

template <class F>
void slot_pool::with_kernel_of(io_slot& slot, F f) noexcept {
    // seq_cst here and in retire: either we see it retired, or it sees us and waits.
    users_.fetch_add(1, std::memory_order_seq_cst);
    if (!retired_.load(std::memory_order_seq_cst))
        f(slot.home.load(std::memory_order_relaxed)->kernel());
    users_.fetch_sub(
        1, std::memory_order_release); // pairs with retire: we are through with the reactor
}

void slot_pool::close(io_slot& slot) noexcept {
    with_kernel_of(slot, [&](backend& kernel) { kernel.close(slot); });
}

void slot_pool::release(io_slot* slot) noexcept {
    with_kernel_of(*slot, [&](backend& kernel) { kernel.detach(*slot); });
    put(slot);
}

void slot_pool::retire() noexcept {
    retired_.store(true, std::memory_order_seq_cst);
    while (users_.load(std::memory_order_seq_cst) != 0) sched_yield();
}

} // namespace weft::detail
