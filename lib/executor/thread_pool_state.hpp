// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <weft/executor/thread_pool.hpp>

#include "base/fork_count.hpp"
#include "sched/thread_wait.hpp"

namespace weft {

/// What the pool's threads share; they keep it alive. Everything but ended_ is guarded by mutex_.
class thread_pool_executor::state final : public std::enable_shared_from_this<state>,
                                          public detail::thread_wait_observer {
public:
    explicit state(thread_pool_options options);
    void post(job j);
    void shutdown(const shutdown_options& options);
    unsigned threads() const;
    std::size_t queued() const;
    bool is_abandoned() const;
    unsigned max_workers() const noexcept { return options_.max_workers; }
    /// False in a child that was forked since: there are no threads, and maybe a locked mutex.
    bool is_of_this_process() const noexcept { return forks_ == detail::fork_count(); }

private:
    /// A thread without work; lies in its frame.
    struct sleeper {
        std::condition_variable condition;
        bool called = false;
    };
    /// Who waits for room in the queue; lies in its frame. Who claims it moves the job into the queue, or refuses it.
    struct poster : detail::wait_node {
        job* posted = nullptr;
        bool refused = false;
    };
    /// What is done after the mutex is free.
    struct afterwards {
        detail::wait_list resume;
        std::string say;
        void operator()(const thread_pool_options& options) noexcept;
    };

    void refuse_if_closed() const;
    bool has_room() const noexcept;
    void enqueue(job j, afterwards& later);
    bool wait_for_room(job& j);
    void admit(afterwards& later) noexcept;
    void refuse_posters(afterwards& later) noexcept;

    void thread_main(std::list<std::thread>::iterator self, unsigned number);
    bool initialize() noexcept;
    bool next_job(std::unique_lock<std::mutex>& lock);
    bool take_job(std::unique_lock<std::mutex>& lock);
    bool is_surplus() noexcept;
    static void run(job& j) noexcept;
    std::chrono::steady_clock::time_point idle_until() const noexcept;

    bool must_grow() const noexcept;
    void grow(afterwards& later) noexcept;
    void start_thread();
    void join_finished() noexcept;
    void wake_one() noexcept;
    void abandon() noexcept;

    void sleeps() noexcept override;
    void goes_on() noexcept override;

    const thread_pool_options options_;
    const unsigned forks_ = detail::fork_count();
    mutable std::mutex mutex_;
    std::deque<job> queue_;
    detail::wait_list posters_;      // empty if there is room
    std::vector<sleeper*> sleepers_; // the last one to fall asleep at the end
    std::list<std::thread> threads_;
    std::list<std::thread> finished_; // to be joined
    unsigned live_ = 0;
    unsigned coming_ = 0;  // started or called, and has not looked at the queue yet
    unsigned blocked_ = 0; // in a wait of the library
    unsigned told_ = 0;    // the height of which it was said that it is beyond the limit
    unsigned started_ = 0;
    bool stopping_ = false;
    bool broken_ = false;
    bool abandoned_ = false;
    promise<void> ended_; // of the last thread after shutdown
    const future<void> has_ended_ = ended_.get_future();
};

} // namespace weft
