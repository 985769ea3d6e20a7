// SPDX-License-Identifier: Apache-2.0
#include "reactor/timer_heap.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace weft::detail {

void timer_heap::place(std::size_t i, const entry& e) noexcept {
    entries_[i] = e;
    armed_[e.number].place = i;
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
    if (free_ == k_none) {
        armed_.push_back({nullptr, k_none});
        free_ = armed_.size() - 1;
    }
    const entry e{t.when, next_order_++, free_};
    entries_.push_back(e);
    free_ = armed_[e.number].place;
    armed_[e.number].t = &t;
    t.index = e.number;
    sift_up(entries_.size() - 1, e);
}

void timer_heap::remove(timer& t) noexcept {
    const std::size_t number = std::exchange(t.index, timer::k_not_armed);
    WEFT_ASSERT(number < armed_.size() && armed_[number].t == &t);
    take_out(number);
}

void timer_heap::take_out(std::size_t number) noexcept {
    const std::size_t i = std::exchange(armed_[number].place, free_);
    free_ = number;
    const entry last = entries_.back();
    entries_.pop_back();
    if (last.number == number) return;
    if (i > 0 && last.before(entries_[(i - 1) / 4]))
        sift_up(i, last);
    else
        sift_down(i, last);
}

// In two passes: what the first one asks the memory for, the second one finds.
std::size_t timer_heap::pop_due(deadline_ns now, std::span<timer*> to) noexcept {
    std::size_t count = 0;
    for (; count < to.size() && next() <= now; ++count) {
        const std::size_t number = entries_.front().number;
        to[count] = armed_[number].t;
        __builtin_prefetch(to[count], 1);
        take_out(number);
    }
    for (timer* t : to.first(count)) t->index = timer::k_not_armed;
    return count;
}

} // namespace weft::detail
