// SPDX-License-Identifier: Apache-2.0
#include "reactor/timer_queue.hpp"

#include <utility>

#include "base/assert.hpp"

namespace weft::detail {

void timer_queue::push(timer& t) {
    near_.reserve(size_ + 1); // for all: what the wheel has no memory for goes there
    const timer_entry e{t.when, next_order_, table_.take(t)};
    if (far_.is_past(t.when) || !far_.try_put(e)) near_.push(e);
    t.index = e.number;
    ++next_order_;
    ++size_;
}

void timer_queue::remove(timer& t) noexcept {
    const auto number = static_cast<std::uint32_t>(std::exchange(t.index, timer::k_not_armed));
    WEFT_ASSERT(table_.of(number) == &t);
    const timer_table::place p = table_.entry(number);
    if (p.where == timer_table::k_heap)
        near_.take_out(p.at);
    else
        far_.take_out(p);
    table_.give_back(number);
    --size_;
}

// In two passes: what the first one asks the memory for, the second one finds.
std::size_t timer_queue::pop_due(deadline_ns now, std::span<timer*> to) noexcept {
    far_.advance(now, [this](const timer_entry& e) { near_.push(e); });
    std::size_t count = 0;
    for (; count < to.size() && near_.next() <= now; ++count) {
        const std::uint32_t number = near_.first().number;
        to[count] = table_.of(number);
        __builtin_prefetch(to[count], 1);
        near_.take_out(0);
        table_.give_back(number);
    }
    size_ -= count;
    for (timer* t : to.first(count)) t->index = timer::k_not_armed;
    return count;
}

} // namespace weft::detail
