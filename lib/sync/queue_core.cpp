// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/queue_core.hpp>

#include <stdexcept>

#include "base/assert.hpp"

namespace weft::detail {

queue_core::~queue_core() {
    WEFT_INVARIANT(getters.empty() && putters.empty() && joiners_.empty() &&
                   "a weft::queue was destroyed while somebody waits for it");
}

void queue_core::section::leave() noexcept {
    locked_ = false;
    queue_.lock_.unlock();
    while (wait_node* node = claimed.pop_front()) node->who.who->resume(); // gone with the resume
}

void queue_core::wait_in_line(wait_reason why, section& here, wait_list& line, wait_node& me) {
    wait w(why);
    const bool began = w.begin();
    if (began) {
        me.who = w.self();
        line.push_back(me);
    }
    here.leave();
    if (!began) w.throw_cancelled();
    if (w.park() == wait_end::notified) return;
    {
        const section again(*this);
        if (me.is_linked()) line.remove(me); // else somebody met it dead and dropped it
    }
    w.throw_cancelled();
}

void queue_core::items_done(section& here, std::size_t n) {
    if (n > unfinished_)
        throw std::logic_error("weft::queue: task_done more often than items were put");
    unfinished_ -= n;
    if (unfinished_ != 0) return;
    while (wait_node* node = claim_first(joiners_)) here.claimed.push_back(*node);
}

void queue_core::join() {
    operation_point();
    section here(*this);
    if (unfinished_ == 0) return;
    wait_node me;
    wait_in_line(wait_reason::queue_join, here, joiners_, me);
}

void queue_core::shut_down(section& here) noexcept {
    shut_down_ = true;
    for (wait_list* line : {&getters, &putters})
        while (wait_node* node = claim_first(*line)) here.claimed.push_back(*node);
}

} // namespace weft::detail
