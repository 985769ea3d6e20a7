// SPDX-License-Identifier: Apache-2.0
#include <weft/base/spin_lock.hpp>

#include <sched.h>

#include <weft/base/atomics.hpp>

namespace weft::detail {

void give_way() noexcept { sched_yield(); }

void spin_lock::lock_slow() noexcept {
    constexpr int k_spins = 200; // about a microsecond: longer than any holder that is on a core
    for (;;) {
        for (int i = 0; i < k_spins; ++i) {
            if (try_lock()) return;
            cpu_pause();
        }
        give_way();
    }
}

void spin_lock::await_free_slow() const noexcept {
    while (locked_.load(std::memory_order_acquire)) give_way(); // pairs with unlock
}

} // namespace weft::detail
