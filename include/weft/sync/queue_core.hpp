// SPDX-License-Identifier: Apache-2.0
// What the queues are without the type of their items. Protocol: lib/sync/README.md.
#pragma once

#include <cstddef>

#include <weft/base/error.hpp>
#include <weft/sync/mutex.hpp>

namespace weft::detail {

/// Limits, lines of waiters, and the count of unfinished items. The lock is a weft::mutex, since items are moved, and compared,
/// under it: users' code, which may wait.
class queue_core {
public:
    explicit queue_core(std::size_t maxsize) noexcept : maxsize_(maxsize) {}
    queue_core(const queue_core&) = delete;
    queue_core& operator=(const queue_core&) = delete;
    /// Nobody may wait any more: a checked error.
    ~queue_core();

    /// Holds the lock; waiters that were claimed meanwhile are resumed once it is free.
    class section {
    public:
        explicit section(queue_core& q) noexcept : queue_(q) { q.lock_.lock_whatever_happens(); }
        ~section() {
            if (locked_) leave();
        }
        section(const section&) = delete;
        section& operator=(const section&) = delete;
        void leave() noexcept;
        wait_list claimed;

    private:
        friend class queue_core;
        queue_core& queue_;
        bool locked_ = true;
    };

    /// Suspends at the end of the line, without the lock. Returns when somebody has claimed the node. Throws cancelled_error: then
    /// nobody has.
    void wait_in_line(wait_reason why, section& here, wait_list& line, wait_node& me);

    // ---- in a section ------------------------------------------------------------------------------------------
    [[nodiscard]] bool has_room(std::size_t size) const noexcept {
        return maxsize_ == 0 || size < maxsize_;
    }
    void item_put() noexcept { ++unfinished_; }
    /// Of n items at once. Throws std::logic_error if there were not so many.
    void items_done(section& here, std::size_t n);
    void join();
    /// Ends all waits of both lines.
    void shut_down(section& here) noexcept;
    [[nodiscard]] bool is_shut_down() const noexcept { return shut_down_; }
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    wait_list getters; // somebody still waits here: there is no item
    wait_list putters; // somebody still waits here: there is no room

private:
    friend struct sync_probe;
    mutex lock_; // guards all
    const std::size_t maxsize_;
    std::size_t unfinished_ = 0;
    bool shut_down_ = false;
    wait_list joiners_;
};

} // namespace weft::detail
