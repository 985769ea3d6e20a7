// SPDX-License-Identifier: Apache-2.0
// Threads that are no workers and compute beside them. Protocol: README.md, "Guests".
#pragma once

#include <atomic>

#include <weft/base/intrusive_list.hpp>

namespace weft::detail {

class worker;

/// A core that a thread of somebody else's uses, or rather the count of them in the process. For each one a worker of each
/// runtime stands down, if it is one too many, but never a runtime's last one.
struct guests {
    /// A thread begins to compute, and ends. Any thread.
    static void enter() noexcept { count.fetch_add(1, std::memory_order_relaxed); }
    static void leave(unsigned n = 1) noexcept;
    [[nodiscard]] static bool any() noexcept { return count.load(std::memory_order_relaxed) != 0; }

    // Relaxed: who reads an old one looks again soon.
    static inline std::atomic<unsigned> count{0};
};

/// The place of a worker that stands down, in its frame. Everything but the look at `kept` is under a lock of all of them.
class guest_place : public list_hook {
public:
    /// Takes a place if the worker's runtime has one too many.
    explicit guest_place(worker& w) noexcept;
    ~guest_place();
    guest_place(const guest_place&) = delete;
    guest_place& operator=(const guest_place&) = delete;
    /// Does the worker still stand down? It is unparked when that changes.
    [[nodiscard]] bool kept() const noexcept {
        return kept_.load(std::memory_order_relaxed); // the unpark after it orders the two
    }

private:
    friend struct guests;
    void give_up() noexcept;
    worker& worker_;
    std::atomic<bool> kept_{false};
};

} // namespace weft::detail
