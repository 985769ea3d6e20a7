// SPDX-License-Identifier: Apache-2.0
// The state of one waiter (a fiber or a thread): which wait it is in, how that wait ended, whether a cancel is pending.
// Protocol and proof: lib/fiber/README.md.
#pragma once

#include <cstdint>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// How a suspension ended.
enum class wait_end : unsigned { notified = 3, expired = 4, cancelled = 5 };

/// One 64-bit word: epoch (56 bits) | pending cancel | uncancellable | phase (3 bits).
///
/// | who            | may do                                                       |
/// |----------------|--------------------------------------------------------------|
/// | the waiter     | begin, end of its own wait, take_cancel                      |
/// | holder of a    | end(epoch): exactly one of all enders of an epoch succeeds,  |
/// | waker          | and it alone makes the waiter run again                      |
/// | anybody        | request_cancel                                               |
/// | a canceller    | freeze .. thaw_cancelled: nobody can end the wait in between |
/// | a looker       | look .. end_look: the same, any wait; cancellers wait, too   |
template <class Atomics = std_atomics>
class basic_wait_word {
public:
    using epoch_type = std::uint64_t;

    /// Begins a wait. False: it is cancellable and a cancel is pending; nothing has begun.
    /// Owner only. The read-modify-write orders this wait against request_cancel: one of the two sees the other.
    bool begin(bool cancellable) noexcept {
        std::uint64_t now = word_.load(std::memory_order_relaxed);
        for (;;) {
            if (cancellable && (now & k_pending) != 0) return false;
            const std::uint64_t next = ((now & ~k_low) + k_one_epoch) | (now & k_pending) |
                                       (cancellable ? 0 : k_uncancellable) | k_waiting;
            // release: what the waiter wrote before is seen by the ender's acquire in end and request_cancel
            if (word_.compare_exchange_weak(now, next, std::memory_order_release,
                                            std::memory_order_relaxed))
                return true;
        }
    }

    /// The epoch of the wait that begin started. Owner only.
    epoch_type epoch() const noexcept { return word_.load(std::memory_order_relaxed) & ~k_low; }

    /// How the last wait ended, if it has. Owner only, after it was made to run again.
    wait_end how() const noexcept {
        // acquire pairs with the ender's release: what it wrote before (a result, an item) is seen
        return static_cast<wait_end>(word_.load(std::memory_order_acquire) & k_phase);
    }
    bool has_ended() const noexcept {
        const auto phase =
            word_.load(std::memory_order_acquire) & k_phase; // pairs with the ender's release
        return phase != k_waiting && !is_stopped(phase);
    }

    /// Ends the wait of that epoch. True for exactly one caller, who must then resume the waiter.
    bool end(epoch_type epoch, wait_end how) noexcept {
        // acquire pairs with begin's release: the ender may use what the waiter published
        std::uint64_t now = word_.load(std::memory_order_acquire);
        for (;;) {
            if ((now & ~k_low) != epoch) return false;
            const std::uint64_t phase = now & k_phase;
            if (is_stopped(phase)) { // a canceller or a dump looks at the waiter
                Atomics::pause();
                now = word_.load(std::memory_order_acquire); // pairs with thaw_cancelled, end_look
                continue;
            }
            if (phase != k_waiting) return false;
            // release pairs with the acquire of how(): the ender's results; acquire as above
            if (word_.compare_exchange_weak(now, (now & ~k_phase) | static_cast<std::uint64_t>(how),
                                            std::memory_order_acq_rel, std::memory_order_acquire))
                return true;
        }
    }

    /// Leaves a cancel for the waiter; ends its wait if that wait is cancellable. True: ended, the caller must resume it.
    bool request_cancel() noexcept {
        std::uint64_t now = after_look();
        for (;;) {
            std::uint64_t next = now | k_pending;
            const bool ends = (now & k_phase) == k_waiting && (now & k_uncancellable) == 0;
            if (ends) next = (next & ~k_phase) | static_cast<std::uint64_t>(wait_end::cancelled);
            // acq_rel: as in end; the pending bit is read by begin's and take_cancel's read-modify-write
            if (word_.compare_exchange_weak(now, next, std::memory_order_acq_rel,
                                            std::memory_order_acquire))
                return ends;
            if ((now & k_phase) == k_looked_at) now = after_look();
        }
    }

    [[nodiscard]] bool cancel_pending() const noexcept {
        return (word_.load(std::memory_order_acquire) & k_pending) !=
               0; // pairs with request_cancel
    }

    /// Has a pending cancel ended the wait already, or does it go by way of what the waiter waits for?
    [[nodiscard]] bool cancel_arriving() const noexcept {
        const std::uint64_t now =
            word_.load(std::memory_order_acquire); // pairs with request_cancel
        const std::uint64_t phase = now & k_phase;
        return (now & k_pending) != 0 && (now & k_uncancellable) == 0 &&
               (phase == k_waiting || is_stopped(phase) ||
                phase == static_cast<std::uint64_t>(wait_end::cancelled));
    }

    /// Takes the pending cancel, if there is one: it is delivered once. Owner, or uncancel under the task's lock.
    bool take_cancel() noexcept {
        // acquire pairs with request_cancel: the message it wrote is seen
        return (word_.fetch_and(~k_pending, std::memory_order_acq_rel) & k_pending) != 0;
    }

    /// Stops the wait from ending while a canceller reads what the waiter waits for. False: no cancellable wait.
    bool freeze(epoch_type& epoch) noexcept {
        std::uint64_t now = after_look();
        for (;;) {
            if ((now & k_phase) != k_waiting || (now & k_uncancellable) != 0) return false;
            // acquire pairs with begin: the waiter's record of what it waits for is seen
            if (word_.compare_exchange_weak(now, (now & ~k_phase) | k_frozen,
                                            std::memory_order_acq_rel, std::memory_order_acquire)) {
                epoch = now & ~k_low;
                return true;
            }
            if ((now & k_phase) == k_looked_at) now = after_look();
        }
    }
    /// Ends the freeze and leaves the cancel for the waiter; its wait goes on. The canceller now either passes the cancel
    /// on to what the waiter waits for, or ends the wait of that epoch.
    void thaw_cancelled() noexcept {
        std::uint64_t now = word_.load(std::memory_order_relaxed);
        // release pairs with end, freeze and take_cancel
        while (!word_.compare_exchange_weak(now, (now & ~k_phase) | k_waiting | k_pending,
                                            std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

    /// Stops a wait from ending, whatever it is, while somebody reads what the waiter left behind. False: it does not wait.
    /// Enders and cancellers spin meanwhile: the looker takes no lock that one of them may hold.
    bool look() noexcept {
        std::uint64_t now = word_.load(std::memory_order_acquire);
        for (;;) {
            if (is_stopped(now & k_phase)) {
                Atomics::pause();
                now = word_.load(std::memory_order_acquire); // pairs with thaw_cancelled, end_look
                continue;
            }
            if ((now & k_phase) != k_waiting) return false;
            // acquire pairs with begin: all that the waiter wrote before is seen
            if (word_.compare_exchange_weak(now, (now & ~k_phase) | k_looked_at,
                                            std::memory_order_acq_rel, std::memory_order_acquire))
                return true;
        }
    }
    /// The wait goes on as it was.
    void end_look() noexcept {
        std::uint64_t now = word_.load(std::memory_order_relaxed);
        // release pairs with the acquire of whoever ends the wait: what was read is the waiter's again
        while (!word_.compare_exchange_weak(now, (now & ~k_phase) | k_waiting,
                                            std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

private:
    /// The word, once nobody looks at the wait.
    std::uint64_t after_look() const noexcept {
        for (;;) {
            const std::uint64_t now = word_.load(std::memory_order_acquire); // pairs with end_look
            if ((now & k_phase) != k_looked_at) return now;
            Atomics::pause();
        }
    }
    static constexpr bool is_stopped(std::uint64_t phase) noexcept {
        return phase == k_frozen || phase == k_looked_at;
    }

    static constexpr std::uint64_t k_phase = 7, k_waiting = 1, k_frozen = 2, k_looked_at = 6;
    static constexpr std::uint64_t k_uncancellable = 8, k_pending = 16;
    static constexpr std::uint64_t k_low = 255, k_one_epoch = 256;
    typename Atomics::template atomic<std::uint64_t> word_{0};
};

using wait_word = basic_wait_word<>;

} // namespace weft::detail
