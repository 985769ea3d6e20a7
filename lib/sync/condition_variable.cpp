// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/condition_variable.hpp>

#include <system_error>

namespace weft {

std::cv_status condition_variable::wait_until_ns(std::unique_lock<mutex>& lock,
                                                 detail::deadline_ns deadline) {
    if (!lock.owns_lock())
        throw std::system_error(std::make_error_code(std::errc::operation_not_permitted),
                                "weft::condition_variable: wait without the lock");
    detail::wait w(detail::wait_reason::condition);
    detail::wait_node node;
    queue_.lock();
    const bool began = queue_.enlist(w, node);
    queue_.unlock(0);
    if (!began) w.throw_cancelled();
    // The unique_lock is not asked: it says "owned" all the time, which is true again before anybody can look.
    lock.mutex()->unlock();
    const detail::wait_end end = w.park(deadline);
    if (end != detail::wait_end::notified) queue_.leave_line(node);
    lock.mutex()->lock_whatever_happens();
    if (end == detail::wait_end::cancelled) w.throw_cancelled();
    try {
        detail::throw_if_cancelled();
    } catch (...) {
        // The notification did not reach the one it was meant for: he leaves. One too many after a notify_all does no harm.
        if (end == detail::wait_end::notified) notify_one();
        throw;
    }
    return end == detail::wait_end::expired ? std::cv_status::timeout : std::cv_status::no_timeout;
}

void condition_variable::notify(std::uint64_t how_many) noexcept {
    detail::wait_list claimed;
    queue_.lock();
    queue_.claim(claimed, how_many);
    queue_.unlock(0);
    detail::wait_queue::resume_all(claimed);
}

} // namespace weft
