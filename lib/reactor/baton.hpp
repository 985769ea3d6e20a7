// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// Whoever holds it drives the reactor. Only tried for, never waited for.
template <class Atomics = std_atomics>
class basic_baton {
public:
    [[nodiscard]] bool try_take() noexcept {
        // acquire pairs with give: the next driver sees what the last one left
        return !taken_.load(std::memory_order_relaxed) &&
               !taken_.exchange(true, std::memory_order_acquire);
    }
    void give() noexcept { taken_.store(false, std::memory_order_release); } // pairs with try_take
    [[nodiscard]] bool is_taken() const noexcept { return taken_.load(std::memory_order_relaxed); }

private:
    typename Atomics::template atomic<bool> taken_{false};
};

} // namespace weft::detail
