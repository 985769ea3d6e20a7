// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/mutex.hpp>

#include "base/assert.hpp"

namespace weft {

bool mutex::lock_slow(detail::deadline_ns deadline, bool cancellable) {
    if (queue_.lock() == 0) { // free; nobody waits then
        queue_.unlock(k_locked);
        return true;
    }
    return queue_.wait_in_line(detail::wait_reason::mutex, k_locked, deadline,
                               cancellable); // claimed by unlock: it is ours
}

void mutex::unlock_slow() noexcept {
    const auto state = queue_.lock();
    WEFT_INVARIANT(state == k_locked && "unlock of a weft::mutex that nobody has locked");
    detail::wait_node* next = queue_.claim_one();
    queue_.unlock(next != nullptr ? k_locked : 0); // never free in between: nobody can overtake
    detail::wait_queue::resume(next);
}

void mutex::lock_whatever_happens() noexcept {
    if (!try_lock()) lock_slow(detail::k_never, false);
}

} // namespace weft
