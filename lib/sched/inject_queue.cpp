// SPDX-License-Identifier: Apache-2.0
#include "sched/inject_queue.hpp"

#include <mutex>

namespace weft::detail {

void inject_queue::push(fiber& f) noexcept {
    const std::lock_guard guard(lock_);
    f.next_ = nullptr;
    (tail_ != nullptr ? tail_->next_ : head_) = &f;
    tail_ = &f;
    size_.store(size_.load(std::memory_order_relaxed) + 1,
                std::memory_order_release); // pairs with empty
}

fiber* inject_queue::cut(unsigned limit) noexcept {
    if (empty()) return nullptr;
    const std::lock_guard guard(lock_);
    fiber* first = head_;
    fiber* last = nullptr;
    unsigned count = 0;
    for (fiber* f = head_; f != nullptr && count < limit; f = f->next_, ++count) last = f;
    if (last == nullptr) return nullptr;
    head_ = last->next_;
    if (head_ == nullptr) tail_ = nullptr;
    last->next_ = nullptr;
    size_.store(size_.load(std::memory_order_relaxed) - count,
                std::memory_order_release); // pairs with empty
    return first;
}

} // namespace weft::detail
