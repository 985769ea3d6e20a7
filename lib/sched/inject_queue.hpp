// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include <weft/base/spin_lock.hpp>
#include <weft/fiber/fiber.hpp>

namespace weft::detail {

/// Fibers made ready by threads that are no workers of the runtime; first come, first served. Never allocates.
class inject_queue {
public:
    void push(fiber& f) noexcept;
    /// Takes up to `limit` fibers in order and gives each to `to(fiber*)`; returns how many.
    template <class To>
    unsigned take(unsigned limit, To to) noexcept {
        fiber* first = cut(limit);
        unsigned count = 0;
        while (first != nullptr) {
            fiber* f = first;
            first = f->next_;
            to(f);
            ++count;
        }
        return count;
    }
    [[nodiscard]] bool empty() const noexcept {
        return size_.load(std::memory_order_acquire) == 0;
    } // pairs with push

private:
    fiber* cut(unsigned limit) noexcept;
    spin_lock lock_;
    fiber* head_ = nullptr;
    fiber* tail_ = nullptr;
    std::atomic<unsigned> size_{0}; // written under the lock
};

} // namespace weft::detail
