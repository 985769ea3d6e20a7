// SPDX-License-Identifier: Apache-2.0
// The callbacks of one loop: in call order, one at a time. Protocol and proofs: README.md.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include <weft/base/spin_lock.hpp>
#include <weft/task/future_core.hpp>

#include "loop/callback.hpp"
#include "loop/fd_watch.hpp"
#include "loop/signal_handler.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

using callback_ref = core_ref<callback>;

class loop_core {
public:
    /// `home` has the timers and descriptors of this loop.
    loop_core(runtime_core& runtime, reactor& home);
    loop_core(const loop_core&) = delete;
    loop_core& operator=(const loop_core&) = delete;

    [[nodiscard]] runtime_core& runtime() const noexcept { return runtime_; }
    [[nodiscard]] reactor& home() const noexcept { return home_; }

    // ---- any thread; they throw runtime_closed, std::system_error (no memory for a stack), std::bad_alloc ------------------
    callback_ref post(unique_function<void()> f, const void* site);
    callback_ref post_at(deadline_ns when, unique_function<void()> f, const void* site);
    void watch_fd(int fd, io_direction direction, unique_function<void()> f, const void* site);
    bool unwatch_fd(int fd, io_direction direction);
    void watch_signal(int signal, unique_function<void()> f, const void* site);
    bool unwatch_signal(int signal);

    /// A callback that has a stack promised and is not queued yet.
    callback_ref make(unique_function<void()> f, const void* site);
    /// Takes one back that never was queued.
    void unmake(callback_ref c) noexcept;
    /// Queues it; whether or not the loop is closed. Any thread, also a reactor's driver.
    void queue(callback_ref c) noexcept;
    /// The same as the end of an armed timer: under the timer lock.
    static void expire(timer& t) noexcept;

    // ---- for the callbacks ---------------------------------------------------------------------------------------
    /// The turn of one callback's fiber: calls the oldest callback, unless another fiber is at it; then that one goes on with it.
    void serve(fiber& me) noexcept;
    /// The last word of a callback's fiber.
    void fiber_ends() noexcept;
    /// A timer that runs or was cancelled. True: it was armed still.
    bool forget(callback& c) noexcept;

    [[nodiscard]] bool is_closed() const noexcept {
        return closed_.load(std::memory_order_relaxed);
    }

    // ---- the end -------------------------------------------------------------------------------------------------
    /// No callback begins any more, none can be added; one that waits is cancelled.
    void close() noexcept;
    /// Until the last callback's fiber has ended.
    void await_end() noexcept;

private:
    [[noreturn]] static void throw_closed();
    bool enqueue(const callback_ref& c, bool only_if_open) noexcept;

    runtime_core& runtime_;
    reactor& home_;
    std::atomic<bool> closed_{false}; // set under lock_ and timers_mutex_

    spin_lock
        lock_; // a leaf: taken under the reactor's locks. Guards the queue, server_, owed_, fibers_
    intrusive_list<callback> queue_;
    fiber* server_ = nullptr; // who calls callbacks now
    unsigned owed_ = 0;       // turns of fibers that came meanwhile
    std::size_t fibers_ = 0;  // queued or running

    std::mutex timers_mutex_; // guards timers_; the reactor's timer lock is taken under it
    intrusive_list<callback_timer> timers_;

    std::mutex watches_mutex_; // guards what follows
    std::map<std::pair<int, io_direction>, std::shared_ptr<fd_watch>> fds_;
    std::map<int, std::shared_ptr<signal_handler>> signals_;

    std::mutex end_mutex_;
    std::condition_variable ended_;
};

} // namespace weft::detail
