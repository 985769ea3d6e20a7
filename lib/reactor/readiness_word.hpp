// SPDX-License-Identifier: Apache-2.0
// What is known of one direction of a descriptor, and who waits for it: one word. Protocol and proof: README.md.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstdint>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// The word is k_unknown, k_ready (an edge came and nobody has used it up), k_closed, or the operation that waits. Edges and
/// close exchange it; a waiter enters by one CAS, so that no edge falls between its last question and its sleep.
template <class Operation, class Atomics = std_atomics>
class basic_readiness {
public:
    /// How an operation treats the mark.
    struct habits {
        bool short_is_empty =
            false; // less than asked for: nothing is left, and an edge will tell of more
        bool tries_first =
            false; // asks the kernel with the mark left where it is: mostly it succeeds
        bool leaves_more = false; // success does not say that nothing is left
    };

    /// A new descriptor: nobody has asked the kernel about it yet.
    void reset() noexcept { word_.store(k_ready, std::memory_order_relaxed); }

    /// An edge came. The operation that waited, which is the caller's to complete, or null.
    Operation* mark_ready() noexcept { return mark(k_ready); }
    /// The end, for good. Returns as mark_ready.
    Operation* mark_closed() noexcept { return mark(k_closed); }

    /// True: op does not wait here any more. False: somebody has taken it and completes it.
    bool retract(Operation& op) noexcept {
        std::uintptr_t self = pointer(op);
        return word_.compare_exchange_strong(self, k_unknown, std::memory_order_relaxed);
    }

    /// True: done, op.result is set. False: op waits here. `ask` tries at the kernel and gives -EAGAIN when it would have to
    /// wait; `begin` starts the wait, once, and gives false if it may not wait. `hung_up`: no further edge may come.
    template <class Ask, class Begin>
    bool submit(Operation& op, const habits& habit,
                const typename Atomics::template atomic<bool>& hung_up, Ask ask, Begin begin) {
        bool begun = false;
        for (;;) {
            const std::uintptr_t seen = word_.load(std::memory_order_relaxed);
            if (seen == k_closed) return op.result = -ECANCELED, true;
            if (seen > k_last_mark) return op.result = -EBUSY, true; // one at a time
            const bool known_empty = seen == k_unknown && habit.short_is_empty &&
                                     !hung_up.load(std::memory_order_relaxed);
            if (!known_empty) {
                // The mark is used up BEFORE the kernel is asked: an edge that comes in between sets it again.
                if (seen == k_ready && !habit.tries_first && !use_up()) continue;
                const ssize_t n = ask();
                if (n != -EAGAIN) {
                    // As much as asked for: there may be more, and no new edge will say so.
                    if (!habit.tries_first &&
                        (habit.leaves_more || n == static_cast<ssize_t>(op.size)))
                        set_again();
                    return op.result = n, true;
                }
                // An edge may have come before the question was answered: once more, with the mark used up.
                if (habit.tries_first && seen == k_ready) {
                    use_up();
                    continue;
                }
            }
            if (!begun && !begin()) return op.result = -ECANCELED, true;
            begun = true;
            std::uintptr_t unknown = k_unknown;
            // release shows the operation to mark's acquire
            if (word_.compare_exchange_strong(unknown, pointer(op), std::memory_order_release,
                                              std::memory_order_relaxed))
                return false;
            // An edge or close came first. The wait has begun; the caller ends it itself when it sees the result.
        }
    }

private:
    static constexpr std::uintptr_t k_unknown = 0, k_ready = 1, k_closed = 2, k_last_mark = 2;

    static std::uintptr_t pointer(Operation& op) noexcept {
        return reinterpret_cast<std::uintptr_t>(&op);
    }

    Operation* mark(std::uintptr_t m) noexcept {
        std::uintptr_t before = word_.load(std::memory_order_relaxed);
        do {
            if (before == k_closed) return nullptr;
            // acquire sees the waiting operation, release shows what the mark means; pairs with submit
        } while (!word_.compare_exchange_weak(before, m, std::memory_order_acq_rel,
                                              std::memory_order_relaxed));
        return before > k_last_mark ? reinterpret_cast<Operation*>(before) : nullptr;
    }
    bool use_up() noexcept {
        std::uintptr_t ready = k_ready;
        // acquire pairs with mark: hung_up is seen, now and by the next operation
        return word_.compare_exchange_strong(ready, k_unknown, std::memory_order_acquire,
                                             std::memory_order_relaxed);
    }
    void set_again() noexcept {
        std::uintptr_t unknown = k_unknown;
        word_.compare_exchange_strong(unknown, k_ready, std::memory_order_relaxed);
    }

    typename Atomics::template atomic<std::uintptr_t> word_{k_unknown};
};

/// For whoever got op from a mark. Exactly one of this and the waiter's retract gets it; a waiter whose wait ended otherwise
/// waits for let_go, so op is alive until one of the last two lines. 1: completed, 0: nobody waited any more.
template <class Operation>
unsigned complete(Operation& op, ssize_t result) {
    op.result = result;
    if (op.who.wake()) return 1; // from here on op may be gone
    op.let_go.store(true,
                    std::memory_order_release); // pairs with the acquire of whoever waits for it
    return 0;
}

} // namespace weft::detail
