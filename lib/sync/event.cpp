// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/event.hpp>

namespace weft {

void event::set() noexcept {
    for (;;) {
        auto now = queue_.load_unguarded();
        if ((now & detail::wait_queue::k_waiters) != 0) break;
        // release pairs with the acquire of is_set and of wait_queue::lock. Also where it is set already: who finds the
        // flag set after this call sees what came before this call.
        if (queue_.change(now, k_set, std::memory_order_release)) return;
    }
    detail::wait_list claimed;
    queue_.lock();
    queue_.claim(claimed, ~std::uint64_t{0});
    queue_.unlock(k_set);
    detail::wait_queue::resume_all(claimed);
}

void event::clear() noexcept {
    for (;;) {
        auto now = queue_.load_unguarded();
        if ((now & k_set) == 0) return;
        // acquire pairs with set: who clears and then looks at the data sees what the sets he undid announced
        if (queue_.change(now, now & ~k_set, std::memory_order_acquire)) return;
    }
}

bool event::wait_slow(detail::deadline_ns deadline) {
    const auto state = queue_.lock();
    if (state == k_set) {
        queue_.unlock(state);
        return true;
    }
    return queue_.wait_in_line(detail::wait_reason::event, 0, deadline);
}

} // namespace weft
