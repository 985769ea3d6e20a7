// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <weft/executor/executor.hpp>

namespace weft {

struct thread_pool_options {
    unsigned max_workers = 64; ///< threads at most; at least 1
    std::string thread_name_prefix = "weft-pool";
    std::function<void()> initializer =
        {}; ///< called by each thread first; if it throws, the pool is broken
    std::chrono::nanoseconds idle_timeout =
        std::chrono::seconds(10); ///< a thread without work leaves after that
};

struct shutdown_options {
    bool wait = true;            ///< return when the last thread has ended
    bool cancel_futures = false; ///< calls that have not begun end cancelled; else they still run
};

/// Threads for calls that block. One is started for a call when none is idle, up to the limit; then calls queue, first come,
/// first served, without bound.
///
/// Thread safety: every member from any thread, also from tasks of any runtime; it needs none. The threads are plain ones:
/// await and get() block them. A call that waits for another one of the same full pool waits for ever.
///
///     weft::thread_pool_executor threads({.max_workers = 5});
///     weft::future<int> f = threads.submit(work, x);
class thread_pool_executor final : public executor {
public:
    /// Starts no thread. Throws std::invalid_argument for max_workers = 0.
    explicit thread_pool_executor(thread_pool_options options = {});
    /// shutdown().
    ~thread_pool_executor() override;

    /// Throws runtime_closed after shutdown, broken_executor after an initializer failed, std::system_error if there is no
    /// thread at all and none can be started.
    void post(job j) override;

    /// As run_in_executor(*this, f, args...).
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto submit(F&& f, Args&&... args) {
        return run_in_executor(*this, std::forward<F>(f), std::forward<Args>(args)...);
    }

    /// No further calls; those that were made run to their end (see shutdown_options). Waiting suspends a task, blocks a plain
    /// thread, and is no cancel point. May be called again. Throws would_deadlock if it would wait for its own thread.
    void shutdown(const shutdown_options& options = {});

    /// Threads of the pool now, and calls that wait for one.
    [[nodiscard]] unsigned threads() const;
    [[nodiscard]] std::size_t queued() const;

private:
    class state;
    const std::shared_ptr<state> state_;
};

} // namespace weft
