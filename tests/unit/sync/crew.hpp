// SPDX-License-Identifier: Apache-2.0
// What the tests of sync share: bodies that run as plain threads or as tasks, and a look at who waits.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/weft.hpp>

namespace weft::detail {

struct sync_probe {
    static std::size_t waiting(wait_queue& q) {
        const auto state = q.lock();
        const std::size_t n = length(q.line_);
        q.unlock(state);
        return n;
    }
    template <class Primitive>
    static std::size_t waiting(Primitive& p) {
        if constexpr (requires { p.queue_; })
            return waiting(p.queue_);
        else
            return waiting(p.core_);
    }
    template <class T>
    static std::size_t senders(channel<T>& c) {
        const std::lock_guard lock(c.core_.guard);
        return length(c.core_.senders());
    }
    template <class T>
    static std::size_t receivers(channel<T>& c) {
        const std::lock_guard lock(c.core_.guard);
        return length(c.core_.receivers());
    }

    template <class T, class Store>
    static std::size_t getters(basic_queue<T, Store>& q) {
        const queue_core::section here(q.core_);
        return length(q.core_.getters);
    }
    template <class T, class Store>
    static std::size_t putters(basic_queue<T, Store>& q) {
        const queue_core::section here(q.core_);
        return length(q.core_.putters);
    }
    template <class F>
    static std::size_t waiting(barrier<F>& b) {
        const std::lock_guard lock(b.core_.lock_);
        return length(b.core_.waiting_);
    }

    // The second look: what a wait does when the first look found nothing, and something came meanwhile.
    static bool second_look(mutex& m) { return m.lock_slow(k_never); }
    static bool second_look(event& e) { return e.wait_slow(k_never); }
    static void second_look(latch& l) { l.wait_slow(); }
    template <std::ptrdiff_t N>
    static bool second_look(counting_semaphore<N>& sem) {
        return sem.core_.acquire_slow(k_never);
    }

private:
    static std::size_t length(wait_list& line) {
        std::size_t n = 0;
        for (wait_node* node = line.front(); node != nullptr; node = line.next(*node)) ++n;
        return n;
    }
};

} // namespace weft::detail

namespace weft::testing {

using probe = detail::sync_probe;

/// Waits, without sleeping, until that is so.
template <class Condition>
void until(Condition condition) {
    while (!condition()) weft::yield();
}

/// How the bodies of a test run.
struct setting {
    unsigned workers;   // 0: every body is a plain thread
    bool mixed = false; // every second body is a plain thread
    bool debug = false; // every wait resumes on another worker
};

inline std::ostream& operator<<(std::ostream& out, const setting& s) {
    return out << s.workers << " workers" << (s.mixed ? ", mixed" : "")
               << (s.debug ? ", migrating" : "");
}

#define WEFT_EVERY_SETTING                                                                         \
    weft::testing::setting{0}, weft::testing::setting{1}, weft::testing::setting{2},               \
        weft::testing::setting{4}, weft::testing::setting{2, true}, weft::testing::setting {       \
        2, false, true                                                                             \
    }
#define WEFT_TASK_SETTINGS                                                                         \
    weft::testing::setting{1}, weft::testing::setting{2}, weft::testing::setting{4},               \
        weft::testing::setting {                                                                   \
        2, false, true                                                                             \
    }

/// Bodies that run at the same time. The test itself stays on its plain thread.
class crew {
public:
    explicit crew(setting s) : mixed_(s.mixed) {
        if (s.workers != 0)
            runtime_.emplace(runtime_options{.workers = s.workers, .debug = s.debug});
    }
    ~crew() { join(); }

    /// The handle is empty if it runs as a thread.
    template <class F>
    task_handle start(F f) {
        const bool as_thread = !runtime_ || (mixed_ && ++started_ % 2 == 0);
        if (!as_thread) return start_task(std::move(f));
        threads_.emplace_back(std::move(f));
        return {};
    }
    template <class F>
    task_handle start_task(F f) {
        tasks_.push_back(runtime_->spawn(std::move(f)));
        return tasks_.back();
    }

    void join() {
        for (task_handle& t : tasks_) t.wait();
        for (std::thread& t : threads_) t.join();
        tasks_.clear();
        threads_.clear();
    }

private:
    const bool mixed_;
    unsigned started_ = 0;
    std::optional<runtime> runtime_;
    std::vector<task_handle> tasks_;
    std::vector<std::thread> threads_;
};

/// True if f was ended by a cancel.
template <class F>
bool was_cancelled(F f) {
    try {
        f();
        return false;
    } catch (const cancelled_error&) { return true; }
}

} // namespace weft::testing
