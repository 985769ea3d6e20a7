// SPDX-License-Identifier: Apache-2.0
// What the waits of coroutines are made of, here and in room net. Protocol: README.md.
#pragma once

#include <weft/sched/suspend.hpp>

#include "reactor/reactor.hpp"

namespace weft::detail {

/// What became of a wait.
struct co_end {
    bool is_in_line; ///< nobody took its node out: cancelled or expired
    bool cancelled;
};

inline constexpr wait_word::epoch_type k_refused = 1; // no epoch: their low bits are zero

/// The waker of a wait that has not begun, since a cancel was pending.
inline void refuse(waker& w) noexcept { w = {nullptr, k_refused}; }

/// By the coroutine, after the wait. A waker without a waiter: it never began.
inline co_end end_of(const waker& w) noexcept {
    if (w.who == nullptr) return {false, w.epoch == k_refused};
    const wait_end how = w.who->word.how();
    return {how != wait_end::notified, how == wait_end::cancelled};
}

inline void throw_if(bool cancelled) {
    if (cancelled) wait().throw_cancelled();
}

/// Ends a wait at its time.
struct co_timer : timer {
    waker who;
    void arm(deadline_ns until, waker w, reactor& in) noexcept {
        fire = [](timer& t) noexcept { static_cast<co_timer&>(t).who.wake(wait_end::expired); };
        when = until;
        who = w;
        in.add(*this);
    }
};

} // namespace weft::detail
