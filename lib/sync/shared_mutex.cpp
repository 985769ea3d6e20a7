// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/shared_mutex.hpp>

#include "base/assert.hpp"

namespace weft {

using detail::wait_queue;

struct shared_mutex::node : detail::wait_node {
    wanted what = exclusive;
};

// The front of the line, as far as it may go now: one writer, or readers up to the next writer. Returns the new state.
wait_queue::state_type shared_mutex::let_in(wait_queue::state_type state,
                                            detail::wait_list& claimed) noexcept {
    while (detail::wait_node* first = queue_.first()) {
        const bool reads = static_cast<node*>(first)->what == shared;
        if (reads ? (state & k_writer) != 0 : state != 0) break;
        if (!queue_.claim_first_of(*first)) continue; // cancelled or expired meanwhile
        claimed.push_back(*first);
        state += reads ? k_reader : k_writer;
    }
    return state;
}

bool shared_mutex::wait_slow(wanted what, detail::deadline_ns deadline) {
    detail::wait w(detail::wait_reason::shared_mutex);
    node me;
    me.what = what;
    detail::wait_list claimed;
    // Those in front may all have left: then this lets them go, and in what it can.
    wait_queue::state_type state = let_in(queue_.lock(), claimed);
    const bool empty_line = queue_.first() == nullptr;
    bool taken = false, began = false;
    if (empty_line && (what == shared ? (state & k_writer) == 0 : state == 0)) {
        state += what == shared ? k_reader : k_writer;
        taken = true;
    } else {
        began = queue_.enlist(w, me);
    }
    queue_.unlock(state);
    wait_queue::resume_all(claimed);
    if (taken) return true;
    if (!began) w.throw_cancelled();
    const detail::wait_end end = w.park(deadline);
    if (end == detail::wait_end::notified) return true; // let_in has counted us
    state = queue_.lock();
    queue_.forget(me);
    state = let_in(state, claimed); // a writer that leaves may have held up readers
    queue_.unlock(state);
    wait_queue::resume_all(claimed);
    if (end == detail::wait_end::cancelled) w.throw_cancelled();
    return false;
}

void shared_mutex::unlock_slow(wait_queue::state_type share) noexcept {
    detail::wait_list claimed;
    wait_queue::state_type state = queue_.lock();
    WEFT_INVARIANT((share == k_writer ? state == k_writer : state >= k_reader) &&
                   "unlock of a weft::shared_mutex that the caller has not locked");
    state = let_in(state - share, claimed);
    queue_.unlock(state);
    wait_queue::resume_all(claimed);
}

} // namespace weft
