// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <weft/base/clock.hpp>

namespace weft::detail {

class reactor;

/// Something that happens at a time. Lies where its user put it (mostly in a waiting frame).
struct timer {
    /// Called once, under the lock of the reactor's timers: short, no user code, must not touch timers.
    void (*fire)(timer&) noexcept = nullptr;
    deadline_ns when = k_never;
    reactor* owner = nullptr; // where it is armed; set by reactor::add
    std::size_t index =
        k_not_armed; // its number among the armed ones; guarded by the reactor's timer lock
    static constexpr std::size_t k_not_armed = ~std::size_t{0};
};

/// What stands for an armed timer wherever it is put: its key, and its number.
struct timer_entry {
    deadline_ns when;
    std::uint64_t order; // of arming
    std::uint32_t number;
    bool before(const timer_entry& o) const noexcept {
        return when != o.when ? when < o.when : order < o.order;
    }
};

/// The armed timers by their numbers, and where each one's entry is. Moving entries touches no timer: those of many sleepers
/// lie each in a page of its own, which nothing has touched for long.
class timer_table {
public:
    struct place {
        std::uint32_t where; // k_heap, or a slot of the wheel
        std::uint32_t at;    // its position there
    };
    static constexpr std::uint32_t k_heap = ~std::uint32_t{0};

    /// A number for t. Throws std::bad_alloc.
    std::uint32_t take(timer& t) {
        if (free_ == k_none) {
            cells_.push_back({nullptr, {0, k_none}});
            free_ = static_cast<std::uint32_t>(cells_.size() - 1);
        }
        const std::uint32_t number = free_;
        free_ = cells_[number].entry.at;
        cells_[number].t = &t;
        return number;
    }
    void give_back(std::uint32_t number) noexcept {
        cells_[number] = {nullptr, {0, free_}};
        free_ = number;
    }
    [[nodiscard]] timer* of(std::uint32_t number) const noexcept { return cells_[number].t; }
    [[nodiscard]] place entry(std::uint32_t number) const noexcept { return cells_[number].entry; }
    void moved(std::uint32_t number, place to) noexcept { cells_[number].entry = to; }

private:
    static constexpr std::uint32_t k_none = ~std::uint32_t{0};
    struct cell {
        timer* t;
        place entry; // of a free number: `at` is the next free one
    };
    std::vector<cell> cells_;
    std::uint32_t free_ = k_none;
};

} // namespace weft::detail
