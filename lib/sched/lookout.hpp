// SPDX-License-Identifier: Apache-2.0
// The one idle worker that keeps an eye on the busy ones. Protocol: README.md.
#pragma once

#include <cstdint>
#include <vector>

#include <weft/base/atomics.hpp>
#include <weft/base/clock.hpp>

namespace weft::detail {

class reactor;
class worker;

/// Who has the role, and whether it sleeps without ticks.
template <class Atomics = std_atomics>
class basic_lookout_role {
public:
    static constexpr int k_nobody = -1;

    /// A worker that counts as asleep.
    bool try_take(int worker) noexcept {
        int nobody = k_nobody;
        return holder_.load(std::memory_order_relaxed) == worker ||
               holder_.compare_exchange_strong(nobody, worker,
                                               std::memory_order_acquire, // pairs with give
                                               std::memory_order_relaxed);
    }
    /// True if that worker had it: it must wake a sleeper, who takes it.
    [[nodiscard]] bool give(int worker) noexcept {
        if (holder_.load(std::memory_order_relaxed) != worker) return false;
        dozing_.store(false, std::memory_order_relaxed);
        holder_.store(k_nobody, std::memory_order_release); // pairs with try_take: the notes
        return true;
    }

    /// The holder is about to sleep without ticks. It looks once more for busy workers afterwards.
    void doze() noexcept {
        dozing_.store(true, std::memory_order_seq_cst);
    } // pairs with wake_dozing
    void stay_awake() noexcept { dozing_.store(false, std::memory_order_relaxed); }
    /// A worker that became busy (and said so before, seq_cst) asks: the lookout to wake, or k_nobody.
    [[nodiscard]] int wake_dozing() noexcept {
        // seq_cst pairs with doze: either we see it doze, or it sees us busy
        if (!dozing_.load(std::memory_order_seq_cst)) return k_nobody;
        return dozing_.exchange(false, std::memory_order_relaxed)
                   ? holder_.load(std::memory_order_relaxed)
                   : k_nobody;
    }

private:
    typename Atomics::template atomic<int> holder_{k_nobody};
    typename Atomics::template atomic<bool> dozing_{false};
};

/// The role and its notes. The notes belong to whoever has the role.
class lookout : public basic_lookout_role<> {
public:
    static constexpr deadline_ns k_tick = 1'000'000; // 1 ms while somebody is busy
    static constexpr unsigned k_quiet_ticks =
        10; // so many ticks without anybody busy: no more ticks

    explicit lookout(unsigned workers) : notes_(workers) { unattended.reserve(workers); }

    /// Has that worker entered no fiber for a tick? Holder only.
    bool is_stuck(unsigned index, const worker& w, deadline_ns now) noexcept;
    // Holder only.
    unsigned quiet_ticks = 0;
    std::vector<reactor*> unattended; // of stuck workers, this round

private:
    struct note {
        std::uint64_t steps = 0; // switches and sleeps
        deadline_ns since = 0;   // when it was first seen so
        bool was_running = false;
    };
    std::vector<note> notes_;
};

} // namespace weft::detail
