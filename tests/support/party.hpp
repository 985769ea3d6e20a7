// SPDX-License-Identifier: Apache-2.0
// A scheduler and fibers in it, without anything of the task layer: for the tests of the rooms below that.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <unistd.h>

#include <weft/base/error.hpp>
#include <weft/base/spin_lock.hpp>
#include <weft/base/unique_function.hpp>
#include <weft/sched/suspend.hpp>

#include "base/signal_print.hpp"
#include "reactor/epoll_backend.hpp"
#include "reactor/null_backend.hpp"
#include "sched/scheduler.hpp"
#include "support/limits.hpp"

namespace weft::testing {

/// Waits, on a plain thread, until the condition holds; false if it never does.
template <class Condition>
bool eventually(Condition holds) {
    const auto limit = std::chrono::steady_clock::now() + k_max_test_wait;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::yield();
    }
    return true;
}

inline std::unique_ptr<detail::backend> make_epoll(detail::time_source&) {
    return std::make_unique<detail::epoll_backend>();
}
inline std::unique_ptr<detail::backend> make_null(detail::time_source& time) {
    return std::make_unique<detail::null_backend>(time);
}

inline detail::scheduler_options party_of(unsigned workers) {
    detail::scheduler_options o;
    o.workers = workers;
    o.make_backend = make_epoll;
    return o;
}

/// Fibers are spawned by any thread and joined by the one that made the party. Its end joins.
class party {
    class guest final : public detail::fiber {
    public:
        guest(party& p, unique_function<void()> body)
            : fiber(p.sched, false),
              party_(p),
              body_(std::move(body)) {}
        void run() noexcept override {
            body_();
            party& p = party_;
            delete this;
            p.left();
        }
        void print_owner(int fd) const noexcept override {
            detail::signal_print(fd, "fiber of a test");
        }
        void throw_cancelled() override {
            word.take_cancel();
            throw cancelled_error("of a test");
        }

    private:
        party& party_;
        unique_function<void()> body_;
    };

public:
    explicit party(const detail::scheduler_options& options) : sched(options) {}
    ~party() { join(); }

    detail::fiber& spawn(unique_function<void()> body, std::size_t stack_size = 0) {
        {
            const std::lock_guard lock(mutex_);
            ++alive_;
        }
        auto* g = new guest(*this, std::move(body));
        sched.provide_stack(*g, stack_size);
        detail::fiber& f = *g;
        sched.make_ready(f);
        return f;
    }
    void join() {
        std::unique_lock lock(mutex_);
        nobody_.wait(lock, [this] { return alive_ == 0; });
    }
    int alive() {
        const std::lock_guard lock(mutex_);
        return alive_;
    }

private:
    void left() {
        const std::lock_guard lock(mutex_);
        if (--alive_ == 0) nobody_.notify_all();
    }
    std::mutex mutex_;
    std::condition_variable nobody_;
    int alive_ = 0;

public:
    detail::scheduler sched; // last: its workers end before the rest goes
};

/// Somewhere to wait for a signal, for one fiber or thread at a time. Signals are not counted.
class bell {
public:
    detail::wait_end wait(detail::deadline_ns deadline = detail::k_never,
                          bool cancellable = false) {
        detail::wait w(detail::wait_reason::other, cancellable);
        {
            const std::lock_guard lock(lock_);
            if (std::exchange(rung_, false)) return detail::wait_end::notified;
            if (!w.begin()) return detail::wait_end::cancelled;
            waits_ = w.self();
        }
        const detail::wait_end how = w.park(deadline);
        const std::lock_guard lock(lock_);
        waits_ = {};
        return how;
    }
    void ring() {
        detail::waker w;
        {
            const std::lock_guard lock(lock_);
            w = std::exchange(waits_, {});
            if (w.who == nullptr || !w.claim(detail::wait_end::notified)) {
                rung_ = true;
                return;
            }
        }
        w.who->resume();
    }
    bool has_waiter() {
        const std::lock_guard lock(lock_);
        return waits_.who != nullptr;
    }

private:
    detail::spin_lock lock_;
    detail::waker waits_;
    bool rung_ = false;
};

} // namespace weft::testing
