// SPDX-License-Identifier: Apache-2.0
#include "reactor/timer_heap.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace weft::detail {

void timer_heap::place(std::size_t i, const entry& e) noexcept {
    entries_[i] = e;
    e.t->index = i;
}

void timer_heap::sift_up(std::size_t i, entry e) noexcept {
    while (i > 0) {
        const std::size_t parent = (i - 1) / 4;
        if (!e.before(entries_[parent])) break;
        place(i, entries_[parent]);
        i = parent;
    }
    place(i, e);
}

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
    const std::size_t count = entries_.size();
    for (;;) {
        const std::size_t first = 4 * i + 1;
        if (first >= count) break;
        std::size_t least = first;
        for (std::size_t c = first + 1; c < std::min(first + 4, count); ++c)
            if (entries_[c].before(entries_[least])) least = c;
        if (!entries_[least].before(e)) break;
        place(i, entries_[least]);
        i = least;
    }
    place(i, e);
}

void timer_heap::push(timer& t) {
    const entry e{t.when, next_order_++, &t};
    entries_.push_back(e);
    sift_up(entries_.size() - 1, e);
}

void timer_heap::remove(timer& t) noexcept {
    const std::size_t i = t.index;
    WEFT_ASSERT(i < entries_.size() && entries_[i].t == &t);
    t.index = timer::k_not_armed;
    const entry last = entries_.back();
    entries_.pop_back();
    if (last.t == &t) return;
    if (i > 0 && last.before(entries_[(i - 1) / 4]))
        sift_up(i, last);
    else
        sift_down(i, last);
}

timer* timer_heap::pop_due(deadline_ns now) noexcept {
    if (next() > now) return nullptr;
    timer* t = entries_.front().t;
    remove(*t);
    return t;
}

} // namespace weft::detail
