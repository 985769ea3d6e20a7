// SPDX-License-Identifier: Apache-2.0
// The right to run tasks, one per usable core, together with that core's reactor.
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/base/atomics.hpp>

#include "base/futex.hpp"
#include "reactor/reactor.hpp"

namespace weft::detail {

class worker;

/// One of N. Whoever holds it looks after the core's reactor first of all.
struct permit {
    reactor* home = nullptr;
    unsigned core = 0;
    /// Who has it, or had it last while it is being moved: where to look for work.
    std::atomic<worker*> holder{nullptr};
};

/// What a holder's owner sleeps on.
struct kernel_futex {
    static void wait(const std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept {
        futex_wait(word, seen);
    }
    static void wake(const std::atomic<std::uint32_t>& word) noexcept { futex_wake(word, 1); }
};

/// A worker's end of it: at most one permit. Its owner asks at each entry to the scheduler; anybody may take it away.
/// A permit is in exactly one holder, or in the hands of whoever is moving it.
template <class Permit, class Atomics = std_atomics, class Futex = kernel_futex>
class basic_permit_holder {
public:
    /// Null: this worker may not run tasks.
    [[nodiscard]] Permit* get() const noexcept {
        return held_.load(std::memory_order_acquire);
    } // pairs with grant

    /// Takes the permit away, if it is still `expected`. The worker may go on for a moment: it learns of it at its next
    /// entry. True: the caller has the permit now and must grant it to somebody.
    bool revoke(Permit* expected) noexcept {
        // acq_rel: what the old holder's reactor saw is seen by the next
        return held_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }
    /// Gives it to this worker, which wakes if it waits for one.
    void grant(Permit* p) noexcept {
        held_.store(p, std::memory_order_release); // pairs with get
        signal();
    }
    /// To be read by a spare before it offers itself, and given to await: no grant is missed in between.
    [[nodiscard]] std::uint32_t signals() const noexcept {
        return signals_.load(std::memory_order_acquire); // pairs with signal
    }
    /// Waits, as a spare, for a grant since then, whose permit may have been revoked again, or for stop.
    void await(std::uint32_t seen) const noexcept {
        while (get() == nullptr && !is_stopped() && signals() == seen) Futex::wait(signals_, seen);
    }
    [[nodiscard]] bool is_stopped() const noexcept {
        return stopped_.load(std::memory_order_acquire); // pairs with stop
    }
    /// Ends a wait without a permit: there is something else for that spare.
    void nudge() noexcept { signal(); }
    void stop() noexcept {
        stopped_.store(true, std::memory_order_release); // pairs with await
        signal();
    }

private:
    void signal() noexcept {
        signals_.fetch_add(
            1, std::memory_order_release); // pairs with await: grant or stop before it is seen
        Futex::wake(signals_);
    }
    typename Atomics::template atomic<Permit*> held_{nullptr};
    typename Atomics::template atomic<std::uint32_t> signals_{0};
    typename Atomics::template atomic<bool> stopped_{false};
};

using permit_holder = basic_permit_holder<permit>;

} // namespace weft::detail
