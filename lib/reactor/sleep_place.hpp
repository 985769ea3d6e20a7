// SPDX-License-Identifier: Apache-2.0
// Where the thread that polls a reactor sleeps, and how it is woken by the cheapest call. Protocol: README.md.
#pragma once

#include <cstdint>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// A poller with descriptors to watch sleeps in epoll_wait, one without in the futex: that wakes sooner. One thread at a
/// time sleeps here, whoever has the baton; anybody wakes it, or gives it a first descriptor.
template <class Atomics = std_atomics>
class basic_sleep_place {
public:
    enum class place : std::uint32_t { nowhere, futex, epoll };

    // ---- the poller --------------------------------------------------------------------------------------------
    /// Where to sleep now; then `end`. `nowhere`: it was woken since its last sleep, or a descriptor has just come.
    [[nodiscard]] place begin() noexcept {
        const place chosen = has_descriptors() ? place::epoll : place::futex;
        std::uint32_t awake = k_awake;
        // seq_cst pairs with descriptor_added
        if (!word_.compare_exchange_strong(awake, word_of(chosen), std::memory_order_seq_cst,
                                           std::memory_order_relaxed)) {
            end();
            return place::nowhere;
        }
        if (chosen == place::epoll ||
            count_.load(std::memory_order_seq_cst) == 0) // descriptor_added
            return chosen;
        end();
        return place::nowhere;
    }
    /// It sleeps no more; a wake-up is used up.
    void end() noexcept { word_.exchange(k_awake, std::memory_order_acq_rel); } // pairs with notify

    // ---- anybody -----------------------------------------------------------------------------------------------
    /// Ends the poller's sleep, or the next one, once the caller has made the call that wakes it from where this says.
    [[nodiscard]] place notify() noexcept {
        const std::uint32_t was = word_.exchange(k_woken, std::memory_order_acq_rel); // end, begin
        return was == k_in_futex ? place::futex : was == k_in_epoll ? place::epoll : place::nowhere;
    }
    /// One is about to be added to the epoll set. True: the poller would not look there, and must be woken.
    [[nodiscard]] bool descriptor_added() noexcept {
        // seq_cst: either the poller sees this count, or we see where it sleeps; release pairs with has_descriptors
        count_.fetch_add(1, std::memory_order_seq_cst);
        return word_.load(std::memory_order_seq_cst) == k_in_futex;
    }
    void descriptor_removed() noexcept {
        count_.fetch_sub(1, std::memory_order_release);
    } // as above
    [[nodiscard]] bool has_descriptors() const noexcept {
        return count_.load(std::memory_order_acquire) != 0; // pairs with descriptor_added
    }
    [[nodiscard]] const auto& futex_word() const noexcept { return word_; }
    static constexpr std::uint32_t k_in_futex = 1;

private:
    static constexpr std::uint32_t k_awake = 0, k_in_epoll = 2, k_woken = 3;
    static constexpr std::uint32_t word_of(place p) noexcept {
        return p == place::futex ? k_in_futex : k_in_epoll;
    }
    typename Atomics::template atomic<std::uint32_t> word_{k_awake}, count_{0};
};

using sleep_place = basic_sleep_place<>;

} // namespace weft::detail
