// SPDX-License-Identifier: Apache-2.0
// A worker's queue: the array and indices of Chase and Lev ("Dynamic circular work-stealing deque", SPAA 2005; orders
// after Le, Pop, Cohen, Zappa Nardelli, "Correct and efficient work-stealing for weak memory models", PPoPP 2013).
// The owner's end is used for pushing only: the owner takes at the thieves' end like everybody else, which keeps the order
// of arrival and needs no fence; see README.md for why nothing here wants the owner's pop. Where takers are rare, the owner
// takes without a locked operation: whoever else takes is a guest then, and pays for both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// Any number of takers, one pusher. T is a pointer. Grows without limit; old arrays live as long as the deque, since a
/// slow thief may still read one (geometric growth: they are smaller than the live one together).
template <class T, class Atomics = std_atomics>
class basic_deque {
    template <class U>
    using atomic = typename Atomics::template atomic<U>;

    struct array {
        explicit array(std::size_t capacity) : mask(capacity - 1), items(new atomic<T>[capacity]) {}
        const std::size_t mask;
        const std::unique_ptr<atomic<T>[]> items;
        atomic<T>& at(std::int64_t i) const noexcept {
            return items[static_cast<std::size_t>(i) & mask];
        }
    };

public:
    /// `rare_guests`: others take so seldom that each may cost a heavy fence (needs one); the owner's take is quicker then.
    explicit basic_deque(bool rare_guests = false, std::size_t capacity = 256)
        : rare_guests_(rare_guests) {
        arrays_.push_back(std::make_unique<array>(capacity)); // a power of two
        live_.store(arrays_.back().get(), std::memory_order_relaxed);
        top_.store(0, std::memory_order_relaxed);
        bottom_.store(0, std::memory_order_relaxed);
    }

    /// Owner only. Throws std::bad_alloc when it can't grow; then nothing was pushed.
    void push(T item) {
        const std::int64_t b = bottom_.load(std::memory_order_relaxed);
        const std::int64_t t =
            top_.load(std::memory_order_acquire); // pairs with take: the slot below t is free
        array* a = live_.load(std::memory_order_relaxed);
        if (b - t > static_cast<std::int64_t>(a->mask)) a = grow(a, t, b);
        a->at(b).store(item, std::memory_order_relaxed);
        bottom_.store(b + 1, std::memory_order_release); // pairs with take: the item is there
    }

    /// The oldest item, or null: empty, or another taker was quicker. Owner only.
    T take_own() noexcept {
        if (!rare_guests_) return take();
        owner_takes_.store(true, std::memory_order_relaxed);
        Atomics::light_fence(); // pairs with guest: it sees that we take, or we see it
        if (guests_.load(std::memory_order_acquire) != 0) [[unlikely]] { // pairs with ~guest
            owner_takes_.store(false, std::memory_order_release);        // pairs with guest
            return take();
        }
        const std::int64_t t = top_.load(std::memory_order_relaxed);
        T item = nullptr;
        if (t < bottom_.load(std::memory_order_relaxed)) {
            item = live_.load(std::memory_order_relaxed)->at(t).load(std::memory_order_relaxed);
            top_.store(t + 1, std::memory_order_relaxed);
        }
        owner_takes_.store(false, std::memory_order_release); // pairs with guest: top_ is seen
        return item;
    }

    /// Between its braces others than the owner may take. Any thread; the owner's too, not from within take_own.
    class guest {
    public:
        explicit guest(basic_deque& q) noexcept : queue_(q) {
            if (!q.rare_guests_) return;
            q.guests_.fetch_add(1, std::memory_order_relaxed);
            Atomics::heavy_fence(); // pairs with take_own
            for (unsigned looks = 1; q.owner_takes_.load(std::memory_order_acquire); ++looks)
                // pairs with take_own. Some instructions, unless the owner was preempted
                looks % 200 == 0 ? Atomics::give_way() : Atomics::pause();
        }
        ~guest() {
            if (queue_.rare_guests_)
                queue_.guests_.fetch_sub(1, std::memory_order_release); // pairs with take_own
        }
        guest(const guest&) = delete;
        guest& operator=(const guest&) = delete;

        T take() noexcept { return queue_.take(); }

    private:
        basic_deque& queue_;
    };

    /// A guess, exact for the owner when nobody takes.
    [[nodiscard]] std::size_t size() const noexcept {
        const std::int64_t t = top_.load(std::memory_order_relaxed);
        const std::int64_t b = bottom_.load(std::memory_order_acquire);
        return b > t ? static_cast<std::size_t>(b - t) : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    T take() noexcept {
        std::int64_t t = top_.load(std::memory_order_acquire); // pairs with the other takers' CAS
        const std::int64_t b = bottom_.load(std::memory_order_acquire); // pairs with push
        if (t >= b) return nullptr;
        array* a = live_.load(std::memory_order_acquire); // pairs with grow
        // May read a slot that has been reused meanwhile; then the CAS fails and the value is dropped.
        T item = a->at(t).load(std::memory_order_relaxed);
        // seq_cst as in the paper: takers agree on one order of top_; release hands the slot back to push
        if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst,
                                          std::memory_order_relaxed))
            return nullptr;
        return item;
    }

    // Out of line: so that push is in line.
    [[gnu::noinline]] array* grow(array* old, std::int64_t t, std::int64_t b) {
        arrays_.push_back(std::make_unique<array>((old->mask + 1) * 2));
        array* a = arrays_.back().get();
        for (std::int64_t i = t; i < b; ++i)
            a->at(i).store(old->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        live_.store(a, std::memory_order_release); // pairs with take: the copied items are there
        return a;
    }

    alignas(k_cache_line) atomic<std::int64_t> top_;    // takers
    alignas(k_cache_line) atomic<std::int64_t> bottom_; // owner
    atomic<array*> live_;
    std::vector<std::unique_ptr<array>> arrays_; // owner
    const bool rare_guests_;
    atomic<bool> owner_takes_{false};
    atomic<unsigned> guests_{0};
};

} // namespace weft::detail
