// SPDX-License-Identifier: Apache-2.0
// Who sleeps and who searches, and why no wake-up is lost. Proof: README.md.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include <weft/base/atomics.hpp>
#include <weft/base/spin_lock.hpp>

namespace weft::detail {

/// Counts and the list of sleepers. A worker is awake, searching (awake without work) or asleep.
/// Whoever made work visible calls worker_to_wake; whoever goes to sleep calls fall_asleep and then looks once more for
/// work: the two fences let at least one of them see the other.
template <class Atomics = std_atomics, class Lock = spin_lock>
class basic_idle {
public:
    /// `spares`: workers that take the place of others at times, and may sleep as these do.
    explicit basic_idle(unsigned workers, unsigned spares = 0) : workers_(workers) {
        sleepers_.reserve(workers + spares);
    }

    static constexpr int k_nobody = -1;

    /// After work was made visible: the sleeper that must be woken (it is now counted as searching), or k_nobody.
    /// At most one per call, and none while another one searches: a searcher that finds work wakes the next.
    int worker_to_wake() noexcept {
        Atomics::fence(); // pairs with the fence in fall_asleep: our work before, their state after
        const std::uint32_t s = state_.load(std::memory_order_relaxed);
        if (sleeping(s) == 0 || searching(s) != 0) return k_nobody;
        const std::lock_guard guard(lock_);
        const std::uint32_t now = state_.load(std::memory_order_relaxed);
        if (sleepers_.empty() || searching(now) != 0) return k_nobody;
        const unsigned w = sleepers_.back(); // the warmest caches
        sleepers_.pop_back();
        state_.fetch_add(k_searcher - k_sleeper, std::memory_order_relaxed);
        return static_cast<int>(w);
    }

    /// May this worker search? Half of the workers at most do so at a time.
    bool start_search() noexcept {
        std::uint32_t s = state_.load(std::memory_order_relaxed);
        do {
            if (2 * searching(s) >= workers_) return false;
        } while (!state_.compare_exchange_weak(s, s + k_searcher, std::memory_order_relaxed,
                                               std::memory_order_relaxed));
        return true;
    }
    /// The searcher found work, or must stop. True: it was the last one, and must call worker_to_wake: work that became
    /// visible while it searched has woken nobody. The fence there comes after this count.
    [[nodiscard]] bool end_search() noexcept {
        return searching(state_.fetch_sub(k_searcher, std::memory_order_relaxed)) == 1;
    }

    /// The worker (searching or not) is asleep from now on; it must look for work once more before it really sleeps.
    void fall_asleep(unsigned worker, bool was_searching) noexcept {
        {
            const std::lock_guard guard(lock_);
            sleepers_.push_back(worker);
            state_.fetch_add(k_sleeper - (was_searching ? k_searcher : 0),
                             std::memory_order_relaxed);
        }
        Atomics::
            fence(); // pairs with the fence in worker_to_wake: our state before, their work after
    }

    /// The worker is awake by itself (an event, work found at the last look). False: somebody has woken it already, and it
    /// counts as searching.
    [[nodiscard]] bool wake_up(unsigned worker) noexcept {
        const std::lock_guard guard(lock_);
        for (auto at = sleepers_.begin(); at != sleepers_.end(); ++at)
            if (*at == worker) {
                sleepers_.erase(at);
                state_.fetch_sub(k_sleeper, std::memory_order_relaxed);
                return true;
            }
        return false;
    }

    [[nodiscard]] unsigned asleep() const noexcept {
        return sleeping(state_.load(std::memory_order_relaxed));
    }

private:
    static constexpr std::uint32_t k_searcher = 1, k_sleeper = 1U << 16;
    static constexpr unsigned searching(std::uint32_t s) noexcept { return s & 0xffff; }
    static constexpr unsigned sleeping(std::uint32_t s) noexcept { return s >> 16; }

    const unsigned workers_;
    typename Atomics::template atomic<std::uint32_t> state_{0};
    Lock lock_;
    std::vector<unsigned> sleepers_; // guarded by lock_
};

using idle_workers = basic_idle<>;

} // namespace weft::detail
