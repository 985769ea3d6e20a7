// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <weft/base/atomics.hpp>

namespace weft::detail {

/// How a watcher sleeps while there is nobody to watch, and is not missed. The watcher: begin; look whether anybody is
/// busy; if not, sleep while is_dozing; end. Who becomes busy says so (seq_cst), then asks must_wake.
template <class Atomics = std_atomics>
class basic_doze {
public:
    /// seq_cst pairs with must_wake: either the busy one sees us doze, or we see it busy.
    void begin() noexcept { word_.store(1, std::memory_order_seq_cst); }
    [[nodiscard]] bool is_dozing() const noexcept {
        return word_.load(std::memory_order_relaxed) != 0;
    }
    void end() noexcept { word_.store(0, std::memory_order_relaxed); }

    /// True for one of those who ask: the doze is over, and the caller must wake the watcher.
    [[nodiscard]] bool must_wake() noexcept {
        if (word_.load(std::memory_order_seq_cst) == 0) return false; // pairs with begin
        return word_.exchange(0, std::memory_order_relaxed) != 0;
    }
    /// What the watcher sleeps on, while it is 1.
    [[nodiscard]] const auto& word() const noexcept { return word_; }

private:
    typename Atomics::template atomic<std::uint32_t> word_{0};
};

using doze = basic_doze<>;

} // namespace weft::detail
