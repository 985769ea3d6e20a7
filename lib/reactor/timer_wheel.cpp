// SPDX-License-Identifier: Apache-2.0
#include "reactor/timer_wheel.hpp"

#include <algorithm>
#include <new>

namespace weft::detail {

void timer_wheel::put(const timer_entry& e) {
    const auto tick = static_cast<std::uint64_t>(tick_of(e.when));
    const auto differs = tick ^ static_cast<std::uint64_t>(current_);
    const unsigned level = static_cast<unsigned>(std::bit_width(differs) - 1) / k_digit_bits;
    const unsigned digit = static_cast<unsigned>(tick >> level * k_digit_bits) % k_slots;
    slot& s = slots_[level * k_slots + digit];
    s.entries.push_back(e);
    s.least = std::min(s.least, e.when);
    used_[level] |= std::uint64_t{1} << digit;
    levels_ |= 1U << level;
    table_.moved(e.number,
                 {level * k_slots + digit, static_cast<std::uint32_t>(s.entries.size() - 1)});
}

bool timer_wheel::try_put(const timer_entry& e) noexcept {
    try {
        put(e);
        return true;
    } catch (const std::bad_alloc&) { return false; }
}

void timer_wheel::take_out(timer_table::place p) noexcept {
    constexpr std::size_t k_few = 16;
    slot& s = slots_[p.where];
    const bool was_least = s.entries[p.at].when == s.least;
    s.entries[p.at] = s.entries.back();
    s.entries.pop_back();
    if (p.at != s.entries.size()) table_.moved(s.entries[p.at].number, p);
    if (s.entries.empty()) emptied(p.where);
    // Of few the first is looked for again; and an empty slot forgets one of those before.
    if (!s.entries.empty() && (!was_least || s.entries.size() > k_few)) return;
    s.least = k_never;
    for (const timer_entry& e : s.entries) s.least = std::min(s.least, e.when);
}

} // namespace weft::detail
