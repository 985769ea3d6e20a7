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

namespace weft {

/// What the pool's threads share; they keep it alive. Everything but ended_ is guarded by mutex_.
class thread_pool_executor::state : public std::enable_shared_from_this<state> {
public:
    explicit state(thread_pool_options options);
    void post(job j);
    void shutdown(const shutdown_options& options);
    unsigned threads() const;
    std::size_t queued() const;

private:
    /// A thread without work; lies in its frame.
    struct sleeper {
        std::condition_variable condition;
        bool called = false;
    };
    void thread_main(std::list<std::thread>::iterator self, unsigned number);
    bool initialize() noexcept;
    bool next_job(std::unique_lock<std::mutex>& lock);
    static void run(job& j) noexcept;
    std::chrono::steady_clock::time_point idle_until() const noexcept;
    void start_thread();
    void join_finished() noexcept;
    void wake_one() noexcept;

    const thread_pool_options options_;
    mutable std::mutex mutex_;
    std::deque<job> queue_;
    std::vector<sleeper*> sleepers_; // the last one to fall asleep at the end
    std::list<std::thread> threads_;
    std::list<std::thread> finished_; // to be joined
    unsigned live_ = 0;
    unsigned started_ = 0;
    bool stopping_ = false;
    bool broken_ = false;
    promise<void> ended_; // of the last thread after shutdown
    const future<void> has_ended_ = ended_.get_future();
};

} // namespace weft
