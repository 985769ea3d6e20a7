// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/server_core.hpp"

namespace weft::http::detail {

// Waits until ready() holds, which is asked under lock_. False: the limit has passed.
template <class Ready>
bool server_core::wait_until(Ready ready, deadline_ns limit, bool cancellable) {
    for (;;) {
        weft::detail::wait w(weft::detail::wait_reason::connections, cancellable);
        lock_.lock();
        if (ready()) {
            lock_.unlock();
            return true;
        }
        if (!w.begin()) {
            lock_.unlock();
            w.throw_cancelled();
        }
        waits_ = w.self();
        is_waited_for_ = true;
        lock_.unlock();
        const auto end = w.park(limit);
        if (end == weft::detail::wait_end::notified) continue;
        lock_.lock();
        is_waited_for_ = false;
        const bool came_true = ready();
        lock_.unlock();
        if (end == weft::detail::wait_end::cancelled) w.throw_cancelled();
        return came_true;
    }
}

} // namespace weft::http::detail
