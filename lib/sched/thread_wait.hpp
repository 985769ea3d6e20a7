// SPDX-License-Identifier: Apache-2.0
// What else may happen when a plain thread waits in the library. Protocol: README.md, "Plain threads".
#pragma once

#include <atomic>
#include <cstdint>

#include <weft/base/clock.hpp>

namespace weft::detail {

/// Told when its thread, a plain one, goes to sleep in a wait of the library, and when it goes on: a pool whose threads all
/// wait must not wait for ever. Both are called by that thread, without any lock of the library.
class thread_wait_observer {
public:
    virtual void sleeps() noexcept = 0;
    virtual void goes_on() noexcept = 0;

protected:
    ~thread_wait_observer() = default;
};

/// Who is told of the calling thread's waits; null: nobody. It must live until the thread ends or names another.
void observe_waits_of_this_thread(thread_wait_observer* observer) noexcept;

/// Sleeps, a plain thread, while a word that processes share is `value`, at most until the deadline. False: at once, and it did
/// not, since in this place a wait leaves its thread to other tasks.
[[nodiscard]] bool sleep_on_shared(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                                   deadline_ns deadline) noexcept;

/// A wait that leaves its thread to others.
class left_wait {
public:
    /// The waiting code has left its thread. `where`: what brings it back. It may be back, and this gone, when this returns.
    virtual void left(void* where) noexcept = 0;

protected:
    ~left_wait() = default;
};

/// Another library's tasks, run by plain threads: one that waits here leaves its thread to the others.
class thread_tasks {
public:
    /// Is the caller in such a task, and at a place that it may leave?
    [[nodiscard]] virtual bool can_leave() noexcept = 0;
    /// Leaves; calls w.left once, on whichever stack runs then. Returns after go_on, maybe on another thread.
    virtual void leave(left_wait& w) noexcept = 0;
    /// Any thread, once, after left.
    virtual void go_on(void* where) noexcept = 0;

protected:
    ~thread_tasks() = default;
};

/// Asks them at each wait of a plain thread from here on. They must live as long as the process.
void leave_waits_to(thread_tasks& tasks) noexcept;

} // namespace weft::detail
