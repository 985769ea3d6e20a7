// SPDX-License-Identifier: Apache-2.0
// Who gets the answer of a call, the manager or who waits for it: one word. Protocol and proof: README.md, "Mail".
#pragma once

#include <cstdint>
#include <utility>

#include <weft/base/atomics.hpp>

namespace weft::detail {

enum class mailbox_state : std::uint32_t {
    open,       ///< nobody waits yet
    by_thread,  ///< a plain thread sleeps on the word
    by_runtime, ///< who hears the bell fetches it
    by_socket,  ///< the manager receives it there
    full        ///< the answer lies in the page, until somebody takes it
};

/// Of one worker; in the page, so that the worker finds out whom to tell without a system call. The pool's side is under its mutex.
/// The word also counts the calls: a thread that sleeps on it for one is not deceived by who sleeps for the next.
template <class Atomics = std_atomics>
class basic_mailbox {
public:
    using state = mailbox_state;

    // ---- the pool --------------------------------------------------------------------------------------------------
    /// For the call that is sent next, to a worker that has no other: open or by_runtime.
    void open(state who) noexcept { // the message carries it
        word_.store(with((load() | k_states) + 1, who), std::memory_order_relaxed);
    }
    /// A plain thread wants it. The word, to sleep on while it is that; 0: the answer comes by the socket, is here already, or
    /// another thread waits for it.
    std::uint32_t wait() noexcept {
        for (;;) {
            const word now = load();
            if (of(now) != state::open && of(now) != state::by_runtime) return 0;
            if (move(now, state::by_thread)) return with(now, state::by_thread);
        }
    }
    /// The answer comes by the socket, to the manager, unless it lies here already (full). What the state was: of by_thread,
    /// the caller wakes who sleeps on the word. Also the worker's, for an answer that can't lie here.
    state leave_to_manager() noexcept {
        for (;;) {
            const word now = load();
            if (of(now) == state::by_socket || of(now) == state::full ||
                move(now, state::by_socket))
                return of(now);
        }
    }
    [[nodiscard]] bool is_full() const noexcept { return of(load()) == state::full; }
    /// True: what lies here is the caller's alone, until the next `open`. Also the worker's, who then sends it.
    bool take() noexcept {
        const word now = load();
        return of(now) == state::full && move(now, state::by_socket);
    }
    [[nodiscard]] const auto& futex_word() const noexcept { return word_; }

    // ---- the worker ------------------------------------------------------------------------------------------------
    /// Puts the answer here (`write`) unless the manager is to receive it. Who waited for it: by_socket if nobody will.
    template <class Write>
    state deliver(Write write) {
        bool written = false;
        for (;;) {
            const word now = load();
            if (of(now) == state::by_socket || of(now) == state::full) return state::by_socket;
            if (!std::exchange(written, true)) write();
            if (move(now, state::full)) return of(now);
        }
    }

private:
    using word = std::uint32_t;
    static constexpr word k_states = 7;
    static constexpr state of(word w) noexcept { return static_cast<state>(w & k_states); }
    static constexpr word with(word w, state s) noexcept {
        return (w & ~k_states) | static_cast<word>(s);
    }
    [[nodiscard]] word load() const noexcept { return word_.load(std::memory_order_relaxed); }
    bool move(word from, state to) noexcept {
        // deliver's release shows what was written to the acquire of take
        return word_.compare_exchange_strong(from, with(from, to), std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }

    typename Atomics::template atomic<word> word_{0};
};

using mailbox = basic_mailbox<>;

} // namespace weft::detail
