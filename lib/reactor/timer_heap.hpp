// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
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

/// A 4-ary heap by (deadline, order of arming): equal deadlines come out in the order they were set.
/// Entries carry their key, and places are noted in an array by the timers' numbers: sifting touches no timer. Those of many
/// sleepers lie each in a page of its own, which nothing has touched for long. Not thread-safe.
class timer_heap {
public:
    void push(timer& t);
    void remove(timer& t) noexcept;
    /// The first timers that are due, as many as there is room for, taken out in their order. How many.
    std::size_t pop_due(deadline_ns now, std::span<timer*> to) noexcept;
    [[nodiscard]] deadline_ns next() const noexcept {
        return entries_.empty() ? k_never : entries_.front().when;
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct entry {
        deadline_ns when;
        std::uint64_t order;
        std::size_t number;
        bool before(const entry& o) const noexcept {
            return when != o.when ? when < o.when : order < o.order;
        }
    };
    void take_out(std::size_t number) noexcept;
    void place(std::size_t i, const entry& e) noexcept;
    void sift_up(std::size_t i, entry e) noexcept;
    void sift_down(std::size_t i, entry e) noexcept;

    /// Of one number: the timer and its place in entries_; or, if it is free, the next free one.
    struct armed {
        timer* t;
        std::size_t place;
    };
    static constexpr std::size_t k_none = ~std::size_t{0};

    std::vector<entry> entries_;
    std::vector<armed> armed_;
    std::size_t free_ = k_none;
    std::uint64_t next_order_ = 0;
};

} // namespace weft::detail
