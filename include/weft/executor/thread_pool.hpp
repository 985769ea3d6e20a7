// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <weft/executor/executor.hpp>
#include <weft/executor/map.hpp>

namespace weft {

/// What a call meets that finds the queue of its pool full.
enum class when_full {
    wait,  ///< suspends its caller until there is room
    refuse ///< throws queue_full
};

struct thread_pool_options {
    unsigned max_workers = 64; ///< threads at most; at least 1
    std::string thread_name_prefix = "weft-pool";
    std::function<void()> initializer =
        {}; ///< called by each thread first; if it throws, the pool is broken
    std::chrono::nanoseconds idle_timeout =
        std::chrono::seconds(10);        ///< a thread without work leaves after that
    std::size_t max_queued = 0;          ///< calls that wait for a thread, at most; 0: no bound
    when_full on_full = when_full::wait; ///< with max_queued
    /// Told when the pool grows beyond max_workers; called on any thread. Empty: a line on stderr.
    std::function<void(const std::string&)> log_handler = {};
};

struct shutdown_options {
    bool wait = true;            ///< return when the last thread has ended
    bool cancel_futures = false; ///< calls that have not begun end cancelled; else they still run
    /// Waits at most that long: then what still runs is left behind, and ends on its own. Empty: no limit.
    std::optional<std::chrono::nanoseconds> timeout = {};
};

/// Threads for calls that block. One is started for a call when none is idle, up to the limit; then calls queue, first come,
/// first served.
///
/// Thread safety: every member from any thread, also from tasks of any runtime; it needs none. A forked child can't use it.
/// Its threads are plain ones: await and get() block them. When all of them wait, say for calls of this same pool, and a call is queued,
/// it grows by one beyond its limit and says so; waits that are not weft's (std::mutex, std::future) it can't see.
///
///     weft::thread_pool_executor threads({.max_workers = 5});
///     weft::future<int> f = threads.submit(work, x);
class thread_pool_executor final : public executor {
public:
    /// Starts no thread. Throws std::invalid_argument for max_workers = 0.
    explicit thread_pool_executor(thread_pool_options options = {});
    /// shutdown().
    ~thread_pool_executor() override;

    /// Suspends while a bounded queue is full (when_full::wait); a cancel point then, and cancelled nothing was posted. Throws
    /// queue_full if it is full (when_full::refuse), runtime_closed after shutdown, broken_executor after an initializer
    /// failed, std::system_error if there is no thread at all and none can be started. A cancelled call keeps its place in the
    /// queue until its turn.
    void post(job j) override;

    /// As run_in_executor(*this, f, args...).
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto submit(F&& f, Args&&... args) {
        return run_in_executor(*this, std::forward<F>(f), std::forward<Args>(args)...);
    }

    /// f(x) for each x of the inputs, on the pool's threads; a range of the results in the order of the inputs. See
    /// map_results. The elements are copied (of a temporary: moved) into the calls, f is copied for each chunk. An lvalue range
    /// is referred to and must outlive the results; a temporary is moved in. May suspend where the queue is bounded.
    ///
    ///     for (int r : threads.map(work, inputs, {.chunk_size = 64})) use(r);
    template <class F, std::ranges::input_range R>
        requires std::invocable < std::decay_t<F>
    &, std::ranges::range_value_t<R>& >
           auto map(F&& f, R&& inputs, const map_options& options = {}) {
        return detail::map_over(*this, std::forward<F>(f), std::forward<R>(inputs), options);
    }

    /// No further calls; those that were made run to their end (see shutdown_options). Waiting suspends a task, blocks a plain
    /// thread, and is no cancel point. May be called again. Throws would_deadlock if it would wait for its own thread.
    void shutdown(const shutdown_options& options = {});

    /// Threads of the pool now, and calls that wait for one.
    [[nodiscard]] unsigned threads() const;
    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] unsigned max_workers() const noexcept;

private:
    class state;
    const std::shared_ptr<state> state_;
};

} // namespace weft
