// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace weft::detail {

/// Guards a few instructions that never suspend, allocate rarely and call no user code. A waiter spins a moment, then
/// gives its time slice away: the holder may have been preempted.
class spin_lock {
public:
    void lock() noexcept {
        // acquire pairs with the release in unlock
        if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
            lock_slow();
    }
    bool try_lock() noexcept {
        return !locked_.load(std::memory_order_relaxed) &&
               !locked_.exchange(true, std::memory_order_acquire); // pairs with unlock
    }
    /// Returns once nobody holds it. For who destroys what it guards, which nobody else can find any more.
    void await_free() const noexcept {
        if (locked_.load(std::memory_order_acquire)) [[unlikely]] // pairs with unlock
            await_free_slow();
    }
    void unlock() noexcept { locked_.store(false, std::memory_order_release); } // pairs with lock

private:
    void lock_slow() noexcept;
    void await_free_slow() const noexcept;
    std::atomic<bool> locked_{false};
};

} // namespace weft::detail
