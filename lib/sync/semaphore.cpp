// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/semaphore.hpp>

namespace weft::detail {
namespace {

bool fits(wait_queue::state_type word, std::ptrdiff_t n, std::ptrdiff_t most) noexcept {
    return n >= 0 && n <= most - static_cast<std::ptrdiff_t>(word / wait_queue::k_one);
}

[[noreturn]] void throw_too_many() {
    throw std::logic_error("weft::counting_semaphore: released more often than max() allows");
}

} // namespace

bool semaphore_core::acquire_slow(deadline_ns deadline) {
    const auto state = queue_.lock();
    if (state != 0) { // given back meanwhile, and nobody waits then
        queue_.unlock(state - wait_queue::k_one);
        return true;
    }
    return queue_.wait_in_line(detail::wait_reason::semaphore, 0,
                               deadline); // claimed by release: the permit is ours
}

void semaphore_core::release(std::ptrdiff_t n, std::ptrdiff_t most) {
    const auto steps = static_cast<wait_queue::state_type>(n) * wait_queue::k_one;
    for (;;) {
        auto now = queue_.load_unguarded();
        if (!fits(now, n, most)) throw_too_many();
        if ((now & wait_queue::k_waiters) != 0) break;
        // release pairs with the acquire of try_acquire and of wait_queue::lock
        if (queue_.change(now, now + steps, std::memory_order_release)) return;
    }
    wait_list claimed;
    const auto state = queue_.lock();
    if (!fits(state, n, most)) {
        queue_.unlock(state);
        throw_too_many();
    }
    const auto given = queue_.claim(claimed, static_cast<std::uint64_t>(n));
    queue_.unlock(state + steps - given * wait_queue::k_one);
    wait_queue::resume_all(claimed);
}

} // namespace weft::detail
