// SPDX-License-Identifier: Apache-2.0
#include "task/live_task_table.hpp"

#include <mutex>

namespace weft::detail {
// The first time that the worker has to do with tasks; or all its places are taken.
void live_task_table::use(part& p) noexcept {
    const auto number = static_cast<unsigned>(&p - parts_.data());
    if (number < used_parts_.load(std::memory_order_relaxed)) return;
    const std::lock_guard guard(lock_);
    if (number >= used_parts_.load(std::memory_order_relaxed))
        used_parts_.store(number + 1, std::memory_order_release); // pairs with count
}

live_slot* live_task_table::add_from_outside(task_base& t) {
    const std::lock_guard guard(outside_lock_);
    return add_to(parts_[0], t);
}

void live_task_table::await_look() noexcept { const std::lock_guard until_it_is_over(lock_); }

// The free list's end is a null plus one.
void live_task_table::refill(part& p) {
    use(p);
    const std::lock_guard guard(lock_);
    if (!free_batches_.empty()) {
        p.free = free_batches_.back();
        free_batches_.pop_back();
    } else {
        chunks_.reserve(chunks_.size() + 1);
        free_batches_.reserve(chunks_.capacity());
        auto chunk = std::make_unique<live_slot[]>(k_batch);
        for (std::size_t i = 0; i < k_batch; ++i) {
            live_slot* following = i + 1 < k_batch ? &chunk[i + 1] : nullptr;
            chunk[i].content.store(reinterpret_cast<std::uintptr_t>(following) + 1,
                                   std::memory_order_relaxed);
        }
        p.free = chunk.get();
        chunks_.push_back(std::move(chunk));
    }
    p.free_count = k_batch;
}

void live_task_table::give_up_batch(part& p) noexcept {
    live_slot* last = p.free;
    for (std::size_t i = 1; i < k_batch; ++i) last = next(*last);
    live_slot* rest = next(*last);
    last->content.store(1, std::memory_order_relaxed);
    const std::lock_guard guard(lock_);
    free_batches_.push_back(std::exchange(p.free, rest)); // there is room: refill
    p.free_count -= k_batch;
}

void live_task_table::begin_look() noexcept {
    // acq_rel: what ended before the look has ended
    state_.fetch_or(k_looking, std::memory_order_acq_rel);
    if (is_heavy_)
        heavy_fence(); // pairs with owner_fence
    else
        full_fence();
    (void)count(); // its acquire shows all tasks that were added before
}

void live_task_table::end_look() noexcept {
    state_.fetch_and(~k_looking, std::memory_order_release); // pairs with put_back
}

void live_task_table::close() noexcept {
    const std::lock_guard guard(lock_);
    state_.fetch_or(k_closed, std::memory_order_acq_rel);
    begin_look(); // its fence: who does not see this is seen from here on
    end_look();
}

std::vector<task_handle> live_task_table::all() {
    std::vector<task_handle> found;
    found.reserve(count() + 16);
    std::size_t at = 0;
    for (bool complete = false; !complete;) {
        if (found.size() == found.capacity()) found.reserve(2 * found.size()); // without the lock
        look([&] {
            for (; at < chunks_.size() * k_batch; ++at) {
                // acquire pairs with add
                const std::uintptr_t c =
                    chunks_[at / k_batch][at % k_batch].content.load(std::memory_order_acquire);
                if (c == 0 || (c & 1) != 0) continue;
                if (found.size() == found.capacity()) return;
                found.emplace_back(
                    core_ref<future_core>::share(&reinterpret_cast<task_base*>(c)->core()));
            }
            complete = true;
        });
    }
    return found;
}

// Ends first: what was added later can only make it more.
std::size_t live_task_table::count() const noexcept {
    std::uint64_t added = 0, ended = 0;
    const unsigned n = used_parts_.load(std::memory_order_acquire); // pairs with use
    // acquire pairs with increment: what the ended ones did, and that the added ones are complete
    for (unsigned i = 0; i < n; ++i) ended += parts_[i].ended.load(std::memory_order_acquire);
    for (unsigned i = 0; i < n; ++i) added += parts_[i].added.load(std::memory_order_acquire);
    return added - ended;
}

} // namespace weft::detail
