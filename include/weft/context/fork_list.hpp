// SPDX-License-Identifier: Apache-2.0
// The forks of one stack that nobody else knows of. Protocol and proof: lib/sched/README.md, "Forks".
#pragma once

#include <cstdint>
#include <mutex>

#include <weft/base/atomics.hpp>
#include <weft/base/spin_lock.hpp>

namespace weft::detail {

/// A place in a fork_list, in the frame of whoever forked. A frame lies at a lower address than all older ones on its stack,
/// and all of them below the list's own head.
template <class Atomics = std_atomics>
struct basic_fork_link {
    typename Atomics::template unset_atomic<basic_fork_link*>
        older; ///< null: shared, off the list; the owner's
    typename Atomics::template unset_atomic<basic_fork_link*> newer; ///< meaningless in the newest
};

/// Oldest first. The owner links and unlinks at the new end with plain stores; a robber takes from the old end.
///
/// The asymmetric form of Dekker's handshake: the owner stores, then looks whether somebody wants its attention, with
/// nothing but a compiler's fence in between; the robber asks for attention, makes every running thread pass a full fence
/// (membarrier), and looks then.
///
/// | field          | who                                                                                   |
/// |----------------|---------------------------------------------------------------------------------------|
/// | head_, newest_ | the owner; its sharing and tidying under lock_; robbers read both under lock_. newest_ |
/// |                | is null for a moment when a shared record is joined: the list is empty then           |
/// | limit_         | written under lock_, read by the owner without                                        |
/// | the rest       | under lock_                                                                           |
template <class Atomics = std_atomics, class Lock = spin_lock>
class basic_fork_list {
public:
    using link_type = basic_fork_link<Atomics>;

    basic_fork_list() noexcept { newest_.store(&head_, std::memory_order_relaxed); }
    basic_fork_list(const basic_fork_list&) = delete;
    basic_fork_list& operator=(const basic_fork_list&) = delete;

    // ---- the owner ---------------------------------------------------------------------------------------------

    /// Must a fork at this address take the slow way (answer)? Too little stack is left, or somebody wants something.
    [[nodiscard]] bool is_slow_at(const void* frame) const noexcept {
        return reinterpret_cast<std::uintptr_t>(frame) < limit_.load(std::memory_order_relaxed);
    }

    void link(link_type& r) noexcept {
        link_type* t = newest_.load(std::memory_order_relaxed);
        r.older.store(t, std::memory_order_relaxed);
        // release, both: a robber that finds r (acquire) finds what the frame holds
        t->newer.store(&r, std::memory_order_release);
        newest_.store(&r, std::memory_order_release);
    }

    /// Takes the newest, r, off. False: it may have been shared, settle must say so.
    [[nodiscard]] bool unlink(link_type& r) noexcept {
        link_type* before = r.older.load(std::memory_order_relaxed);
        newest_.store(before, std::memory_order_release); // pairs with the robber's look
        Atomics::light_fence();                           // pairs with heavy_fence in rob
        // One comparison for both: r has been shared (null), or somebody wants attention (everything lies below that).
        return !is_slow_at(before);
    }

    /// After unlink said false. True: r has been shared.
    [[nodiscard]] bool settle(link_type& r) noexcept {
        const std::lock_guard guard(lock_);
        if (r.older.load(std::memory_order_relaxed) == nullptr) { // and with it all that are older
            newest_.store(&head_, std::memory_order_relaxed);
            return true;
        }
        const bool taken = robbed_ == &r;
        if (taken) remove_up_to(&r, true); // and with it all that are older
        tidy();
        return taken;
    }

    [[nodiscard]] bool empty() const noexcept {
        return newest_.load(std::memory_order_relaxed) == &head_;
    }

    /// Answers a robber, and clears what asked for attention. True: forks were demanded.
    bool answer() noexcept {
        const std::lock_guard guard(lock_);
        const bool demanded = demanded_;
        tidy();
        return demanded;
    }

    /// The oldest that nobody has: `share` makes it known to others and says whether it could. Null: there is none.
    template <class Share>
    link_type* share_oldest(Share share) noexcept {
        const std::lock_guard guard(lock_);
        tidy();
        if (empty()) return nullptr;
        link_type* r = head_.newer.load(std::memory_order_relaxed);
        if (!share(*r)) return nullptr;
        remove_up_to(r, newest_.load(std::memory_order_relaxed) == r);
        return r;
    }
    /// Calls f with the oldest, if there is one.
    template <class F>
    void with_oldest(F f) noexcept {
        const std::lock_guard guard(lock_);
        tidy();
        if (!empty()) f(*head_.newer.load(std::memory_order_relaxed));
    }

    /// Below this address a fork needs a fresh stack; k_no_forks: none at all. By who gives the stack to a fiber.
    void set_limit(std::uintptr_t limit) noexcept {
        const std::lock_guard guard(lock_);
        own_limit_ = limit;
        tidy();
    }
    [[nodiscard]] bool allows_forks() const noexcept { return own_limit_ != k_no_forks; }
    [[nodiscard]] bool is_short_at(const void* frame) const noexcept {
        return reinterpret_cast<std::uintptr_t>(frame) < own_limit_;
    }
    static constexpr std::uintptr_t k_no_forks = UINTPTR_MAX;

    // ---- others: whoever makes sure that the stack stays mapped ------------------------------------------------

    /// Makes the owner's next fork or join take the slow way.
    void demand() noexcept {
        const std::lock_guard guard(lock_);
        demanded_ = true;
        limit_.store(k_attention, std::memory_order_relaxed);
    }

    /// A guess.
    [[nodiscard]] bool seems_empty() const noexcept {
        return newest_.load(std::memory_order_relaxed) == &head_;
    }

    /// Takes the oldest although its owner does not answer: one robber at a time. Null: there is none, or the owner came.
    template <class Share>
    link_type* rob(Share share) noexcept {
        {
            const std::lock_guard guard(lock_);
            robber_ = true;
            limit_.store(k_attention, std::memory_order_relaxed);
        }
        // From here on the owner either sees limit_ at its next look, or all that it stored before that look is seen here.
        Atomics::heavy_fence();
        const std::lock_guard guard(lock_);
        if (!robber_) return nullptr;                                // it has answered meanwhile
        link_type* newest = newest_.load(std::memory_order_acquire); // pairs with link, unlink
        link_type* last = robbed_ != nullptr ? robbed_ : &head_;
        // An owner on its way into settle with the last that was taken has stored the one before it.
        const bool is_joining_last =
            robbed_ != nullptr && newest == robbed_->older.load(std::memory_order_relaxed);
        if (newest != last && newest != &head_ && newest != nullptr &&
            !is_joining_last) { // else: none, or all are taken
            link_type* r = last->newer.load(std::memory_order_acquire); // pairs with link
            if (share(*r)) {
                robbed_ = r; // the owner takes it off
                return r;
            }
        }
        if (robbed_ == nullptr) tidy_flags();
        return nullptr;
    }

private:
    static constexpr std::uintptr_t k_attention = UINTPTR_MAX;

    // By the owner, under lock_.
    void tidy() noexcept {
        if (robbed_ != nullptr)
            remove_up_to(robbed_, newest_.load(std::memory_order_relaxed) == robbed_);
        tidy_flags();
    }
    void tidy_flags() noexcept {
        robber_ = demanded_ = false;
        limit_.store(own_limit_, std::memory_order_relaxed);
    }
    // Takes all from the oldest to `last` off; is that `all` there are?
    void remove_up_to(link_type* last, bool all) noexcept {
        robbed_ = nullptr;
        for (link_type* r = head_.newer.load(std::memory_order_relaxed); r != last;) {
            r->older.store(nullptr, std::memory_order_relaxed);
            r = r->newer.load(std::memory_order_relaxed);
        }
        last->older.store(nullptr, std::memory_order_relaxed);
        if (all) {
            newest_.store(&head_, std::memory_order_release); // pairs with the robber's look
            return;
        }
        link_type* next = last->newer.load(std::memory_order_relaxed);
        next->older.store(&head_, std::memory_order_relaxed);
        head_.newer.store(next, std::memory_order_release); // pairs with the robber's look
    }

    // First what is seldom touched: the rest lies in the lines of the stack's header that each switch needs (stack_head).
    link_type* robbed_ =
        nullptr; // the newest that robbers have taken and the owner has not taken off yet
    std::uintptr_t own_limit_ = k_no_forks;
    Lock lock_;
    bool demanded_ = false, robber_ = false;
    link_type head_;
    typename Atomics::template atomic<link_type*> newest_;
    typename Atomics::template atomic<std::uintptr_t> limit_{k_no_forks};
};

using fork_link = basic_fork_link<>;
using fork_list = basic_fork_list<>;

} // namespace weft::detail
