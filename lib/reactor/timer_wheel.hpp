// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "reactor/timer.hpp"

namespace weft::detail {

/// A hierarchical timing wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987): the timers that are not
/// due for a while, by the time until then, so that each is moved a few times at most, whatever their number. Not thread-safe.
///
/// Time goes in ticks, of which `current_` is the last one whose timers have been given out. A later tick differs from it;
/// the highest digit (of base 64) that does is the timer's level, the digit itself its slot. So the lowest level in use
/// holds the earliest ones, in the order of its slots.
class timer_wheel {
public:
    explicit timer_wheel(timer_table& table) noexcept : table_(table) {}

    /// Is that deadline none of the wheel's business yet, or no more?
    [[nodiscard]] bool is_past(deadline_ns when) const noexcept {
        return tick_of(when) <= current_;
    }
    /// Of one that is not past. False: there is no memory for it.
    [[nodiscard]] bool try_put(const timer_entry& e) noexcept;
    void take_out(timer_table::place p) noexcept;
    /// No timer here is due before that. Mostly the first one is, then; but where many wait together and the first of them was
    /// taken out, it may be later.
    [[nodiscard]] deadline_ns next() const noexcept {
        return levels_ == 0 ? k_never : slots_[first_slot()].least;
    }
    /// Gives all that are due by the tick of `now` to `due(entry)`, and what it has no memory for.
    template <class F>
    void advance(deadline_ns now, F due) noexcept {
        const std::int64_t tick = tick_of(now);
        while (tick > current_) {
            if (levels_ == 0 || start_of(first_slot()) > tick) {
                current_ = tick;
                return;
            }
            const unsigned first = first_slot();
            current_ = start_of(first);
            slot opened = std::exchange(slots_[first], {});
            emptied(first);
            for (const timer_entry& e : opened.entries)
                if (tick_of(e.when) <= tick || !try_put(e)) due(e);
            opened.entries.clear();
            if (opened.entries.capacity() <= k_kept)
                std::swap(slots_[first].entries, opened.entries);
        }
    }

private:
    static constexpr int k_tick_bits = 18; // 0.26 ms
    static constexpr int k_digit_bits = 6;
    static constexpr unsigned k_slots = 1U << k_digit_bits, k_levels = 8; // all of deadline_ns
    static constexpr std::size_t k_kept = 256; // entries for which a slot keeps the memory

    struct slot {
        std::vector<timer_entry> entries;
        deadline_ns least = k_never; // none is due before
    };

    static std::int64_t tick_of(deadline_ns when) noexcept { return when >> k_tick_bits; }
    [[nodiscard]] unsigned first_slot() const noexcept {
        const auto level = static_cast<unsigned>(std::countr_zero(levels_));
        return level * k_slots + static_cast<unsigned>(std::countr_zero(used_[level]));
    }
    [[nodiscard]] std::int64_t start_of(unsigned s) const noexcept {
        const unsigned shift = s / k_slots * k_digit_bits;
        const std::int64_t above = current_ >> shift >> k_digit_bits;
        return (above << k_digit_bits | s % k_slots) << shift;
    }
    void put(const timer_entry& e);
    void emptied(unsigned s) noexcept {
        const unsigned level = s / k_slots;
        used_[level] &= ~(std::uint64_t{1} << s % k_slots);
        if (used_[level] == 0) levels_ &= ~(1U << level);
    }

    timer_table& table_;
    std::int64_t current_ = 0;
    unsigned levels_ = 0;                        // a bit for each that has a slot in use
    std::array<std::uint64_t, k_levels> used_{}; // a bit for each slot that has entries
    std::array<slot, k_levels * k_slots> slots_;
};

} // namespace weft::detail
