// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/latch.hpp>

namespace weft {

void latch::count_down(std::ptrdiff_t n) {
    using detail::wait_queue;
    for (;;) {
        auto now = queue_.load_unguarded();
        const auto left = static_cast<std::ptrdiff_t>(now / wait_queue::k_one);
        if (n < 0 || n > left) throw std::logic_error("weft::latch: counted down below zero");
        if (n == left && (now & wait_queue::k_waiters) != 0) break;
        const auto next = now - static_cast<wait_queue::state_type>(n) * wait_queue::k_one;
        // acq_rel: release pairs with try_wait and wait_queue::lock; acquire hands on what the earlier ones released, since
        // the store in unlock begins anew
        if (queue_.change(now, next, std::memory_order_acq_rel)) return;
    }
    detail::wait_list claimed;
    const auto state = queue_.lock();
    const auto left = static_cast<std::ptrdiff_t>(state / wait_queue::k_one);
    if (n > left) {
        queue_.unlock(state);
        throw std::logic_error("weft::latch: counted down below zero");
    }
    if (n == left) queue_.claim(claimed, ~std::uint64_t{0});
    queue_.unlock(state - static_cast<wait_queue::state_type>(n) * wait_queue::k_one);
    wait_queue::resume_all(claimed);
}

void latch::wait_slow() {
    const auto state = queue_.lock();
    if (state == 0)
        queue_.unlock(state);
    else
        queue_.wait_in_line(detail::wait_reason::latch, state);
}

} // namespace weft
