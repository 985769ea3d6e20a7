// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>

#include "reactor/timer.hpp"

namespace weft::detail {

/// A 4-ary heap by (deadline, order of arming): equal deadlines come out in the order they were set. Not thread-safe.
class timer_heap {
public:
    explicit timer_heap(timer_table& table) noexcept : table_(table) {}

    /// For so many entries in all; push of no more than that allocates nothing. Throws std::bad_alloc.
    void reserve(std::size_t n) {
        if (n > entries_.capacity()) entries_.reserve(std::max(n, 2 * entries_.capacity()));
    }
    void push(const timer_entry& e) noexcept;
    void take_out(std::size_t at) noexcept;

    [[nodiscard]] const timer_entry& first() const noexcept { return entries_.front(); }
    [[nodiscard]] deadline_ns next() const noexcept {
        return entries_.empty() ? k_never : entries_.front().when;
    }

private:
    void place(std::size_t i, const timer_entry& e) noexcept;
    void sift_up(std::size_t i, timer_entry e) noexcept;
    void sift_down(std::size_t i, timer_entry e) noexcept;

    timer_table& table_;
    std::vector<timer_entry> entries_;
};

} // namespace weft::detail
