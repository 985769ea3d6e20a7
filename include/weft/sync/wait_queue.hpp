// SPDX-License-Identifier: Apache-2.0
// What mutex, semaphore, event, latch and condition_variable are made of: a word and a line of waiters.
// Protocol and proofs: lib/sync/README.md.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/fiber/waker.hpp>
#include <weft/sched/suspend.hpp>

namespace weft::detail {

struct sync_probe; // tests look at who waits
struct co_sync;    // coroutines wait here, too: room coro

/// One word: the primitive's state (counted in steps of k_one) | is the line not empty | guard.
///
/// | who                  | may do                                                             |
/// |----------------------|--------------------------------------------------------------------|
/// | anybody              | change the state while the guard is free, by change                |
/// | holder of the guard  | use the line; publish a new state, by unlock only                  |
///
/// State and guard lie in one word so that a new state becomes visible in the very store that frees the guard: who acts on
/// it may destroy the primitive at once (a latch in the frame of its waiter), nobody touches it any more.
class wait_queue {
public:
    using state_type = std::uint64_t;
    static constexpr state_type k_guard = 1, k_waiters = 2, k_one = 4;

    explicit constexpr wait_queue(state_type state = 0) noexcept : word_(state) {}
    wait_queue(const wait_queue&) = delete;
    wait_queue& operator=(const wait_queue&) = delete;

    /// The whole word, bits and all.
    [[nodiscard]] state_type load(std::memory_order order) const noexcept {
        return word_.load(order);
    }
    /// The whole word once no one holds the guard. Relaxed: a change follows.
    [[nodiscard]] state_type load_unguarded() const noexcept {
        const state_type now = word_.load(std::memory_order_relaxed);
        return (now & k_guard) == 0 ? now : load_unguarded_slow();
    }
    /// `from` must be without guard; `to` must keep its k_waiters. False: `from` is the word as it is now.
    bool change(state_type& from, state_type to, std::memory_order order) noexcept {
        return word_.compare_exchange_strong(from, to, order, std::memory_order_relaxed);
    }

    /// Takes the guard: a spin lock, for a few instructions that never suspend. Returns the state without the bits.
    state_type lock() noexcept;
    /// Publishes the state and frees the guard.
    void unlock(state_type state) noexcept {
        // release pairs with the acquire of lock and of the fast paths
        word_.store(state | (line_.empty() ? 0 : k_waiters), std::memory_order_release);
    }

    // ---- with the guard held -----------------------------------------------------------------------------------
    /// Puts the caller at the end of the line. False: a cancel is pending; he leaves by w.throw_cancelled after unlock.
    [[nodiscard]] bool enlist(wait& w, wait_node& node) noexcept {
        if (!w.begin()) return false;
        node.who = w.self();
        line_.push_back(node);
        return true;
    }
    /// Ends the wait of the first who still waits; null: nobody does. Resume him after unlock; until then his node is there.
    [[nodiscard]] wait_node* claim_one() noexcept { return claim_first(line_); }
    /// Who is first in line, maybe one whose wait has ended otherwise; null: nobody.
    [[nodiscard]] wait_node* first() const noexcept { return line_.front(); }
    /// Takes `first` out of the line; true: its wait is ended herewith, as by claim_one.
    [[nodiscard]] bool claim_first_of(wait_node& first) noexcept {
        line_.remove(first);
        return first.who.claim(wait_end::notified);
    }
    /// Takes a node of the caller's out, if nobody has.
    void forget(wait_node& node) noexcept {
        if (node.is_linked()) line_.remove(node);
    }
    /// Ends the waits of at most n, in order of arrival.
    std::uint64_t claim(wait_list& claimed, std::uint64_t n) noexcept;
    /// Gives the guard up and suspends the caller at the end of the line.
    /// True: somebody claimed him. False: the deadline has passed. Throws cancelled_error; the state is as it was then.
    bool wait_in_line(wait_reason why, state_type state, deadline_ns deadline = k_never,
                      bool cancellable = true);

    // ---- without -----------------------------------------------------------------------------------------------
    /// For a waiter whose wait nobody claimed: his node leaves the line, unless somebody who met it dead dropped it before.
    void leave_line(wait_node& node) noexcept;
    static void resume(wait_node* claimed) noexcept {
        if (claimed != nullptr) claimed->who.who->resume();
    }
    static void resume_all(wait_list& claimed) noexcept;

private:
    friend struct sync_probe;
    [[nodiscard]] state_type load_unguarded_slow() const noexcept;

    std::atomic<state_type> word_;
    wait_list line_; // guarded by k_guard
};

} // namespace weft::detail
