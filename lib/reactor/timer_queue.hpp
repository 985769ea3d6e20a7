// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "reactor/timer_heap.hpp"
#include "reactor/timer_wheel.hpp"

namespace weft::detail {

/// The armed timers of one reactor: a heap of the near ones, which knows their order, and a wheel of the others, which does
/// not, and costs little however many there are. Not thread-safe.
class timer_queue {
public:
    /// Throws std::bad_alloc.
    void push(timer& t);
    void remove(timer& t) noexcept;
    /// The first timers that are due, as many as there is room for, taken out in their order. How many.
    std::size_t pop_due(deadline_ns now, std::span<timer*> to) noexcept;
    /// No timer is due before that; mostly one is, then (timer_wheel::next).
    [[nodiscard]] deadline_ns next() const noexcept { return std::min(near_.next(), far_.next()); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    timer_table table_;
    timer_heap near_{table_};
    timer_wheel far_{table_};
    std::size_t size_ = 0;
    std::uint64_t next_order_ = 0;
};

} // namespace weft::detail
