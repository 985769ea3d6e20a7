// SPDX-License-Identifier: Apache-2.0
#include "reactor/timer_heap.hpp"

namespace weft::detail {

void timer_heap::place(std::size_t i, const timer_entry& e) noexcept {
    entries_[i] = e;
    table_.moved(e.number, {timer_table::k_heap, static_cast<std::uint32_t>(i)});
}

void timer_heap::sift_up(std::size_t i, timer_entry e) noexcept {
    while (i > 0) {
        const std::size_t parent = (i - 1) / 4;
        if (!e.before(entries_[parent])) break;
        place(i, entries_[parent]);
        i = parent;
    }
    place(i, e);
}

void timer_heap::sift_down(std::size_t i, timer_entry e) noexcept {
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

void timer_heap::push(const timer_entry& e) noexcept {
    entries_.push_back(e);
    sift_up(entries_.size() - 1, e);
}

void timer_heap::take_out(std::size_t at) noexcept {
    const timer_entry last = entries_.back();
    entries_.pop_back();
    if (at == entries_.size()) return;
    if (at > 0 && last.before(entries_[(at - 1) / 4]))
        sift_up(at, last);
    else
        sift_down(at, last);
}

} // namespace weft::detail
