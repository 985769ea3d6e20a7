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
    reactor* owner = nullptr;        // where it is armed; set by reactor::add
    std::size_t index = k_not_armed; // its place in the heap; guarded by the reactor's timer lock
    static constexpr std::size_t k_not_armed = ~std::size_t{0};
};

/// A 4-ary heap by (deadline, order of arming): equal deadlines come out in the order they were set.
/// Entries carry their key, so sifting touches no timer but to note its new place. Not thread-safe.
class timer_heap {
public:
    void push(timer& t);
    void remove(timer& t) noexcept;
    /// The first timer if it is due, taken out; else null.
    timer* pop_due(deadline_ns now) noexcept;
    [[nodiscard]] deadline_ns next() const noexcept {
        return entries_.empty() ? k_never : entries_.front().when;
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

private:
    struct entry {
        deadline_ns when;
        std::uint64_t order;
        timer* t;
        bool before(const entry& o) const noexcept {
            return when != o.when ? when < o.when : order < o.order;
        }
    };
    void place(std::size_t i, const entry& e) noexcept;
    void sift_up(std::size_t i, entry e) noexcept;
    void sift_down(std::size_t i, entry e) noexcept;

    std::vector<entry> entries_;
    std::uint64_t next_order_ = 0;
};

} // namespace weft::detail
