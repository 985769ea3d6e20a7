// SPDX-License-Identifier: Apache-2.0
// The parking word of one worker: how it sleeps in its reactor's poll without missing a wake-up. Proof: README.md.
#pragma once

#include <cstdint>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// The owner: prepare; take the reactor's baton; unless is_notified, sleep in the kernel; give the baton; finish.
/// Anybody: notify, and wake that reactor if it says so.
///
/// The look at is_notified belongs between the baton and the sleep: whoever else drives the reactor swallows the kernel's
/// wake-up with everything else that is there, and only the baton keeps it from doing so.
template <class Atomics = std_atomics>
class basic_parking {
public:
    /// Owner. False: it was notified since it was last awake; it must not sleep, and is awake again.
    [[nodiscard]] bool prepare() noexcept {
        std::uint32_t awake = k_awake;
        // release shows where the owner sleeps; acquire (of finish, too) shows what a notifier did before
        if (word_.compare_exchange_strong(awake, k_asleep, std::memory_order_acq_rel,
                                          std::memory_order_relaxed))
            return true;
        finish();
        return false;
    }

    /// Owner, after prepare, with the baton: that orders us behind whoever swallowed the wake-up of a notifier.
    [[nodiscard]] bool is_notified() const noexcept {
        return word_.load(std::memory_order_relaxed) == k_notified;
    }

    /// Owner. Awake again, by itself or not; a notification is used up, and what its sender did before is seen.
    void finish() noexcept {
        word_.exchange(k_awake, std::memory_order_acq_rel);
    } // pairs with notify

    /// Ends the owner's sleep, or the next one. True: the caller must wake the reactor where the owner sleeps.
    [[nodiscard]] bool notify() noexcept {
        // release shows what we did before; acquire shows where the owner sleeps; pairs with prepare and finish
        return word_.exchange(k_notified, std::memory_order_acq_rel) == k_asleep;
    }

private:
    static constexpr std::uint32_t k_awake = 0, k_asleep = 1, k_notified = 2;
    typename Atomics::template atomic<std::uint32_t> word_{k_awake};
};

using parking = basic_parking<>;

} // namespace weft::detail
