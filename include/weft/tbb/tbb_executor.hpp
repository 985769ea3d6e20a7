// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <oneapi/tbb/task_arena.h>

#include <weft/executor/thread_pool.hpp>

namespace weft {

struct tbb_options {
    unsigned max_concurrency = 0; ///< of an arena of its own; 0: as oneTBB chooses, a core for each
    /// For each of oneTBB's workers that is in the arena a worker of each runtime stands down at its next entry to the
    /// scheduler, all but the last one: the two do not compete for the cores. False: the kernel shares them.
    bool share_cores = true;
};

/// Calls as tasks of a oneTBB arena, run by oneTBB's own workers. In such a call, as in every task of oneTBB, algorithms of
/// oneTBB run in that arena, and whatever waits in weft (a future, a lock, a channel) without a time limit suspends that TBB
/// task (tbb::task::suspend): its thread goes on with other tasks of the arena, and the task may go on on another thread.
/// Where it can't be left, the wait blocks its thread: with a time limit; on plain threads outside TBB tasks; while an
/// exception is being handled; on threads with greenlets; under ThreadSanitizer. As in weft's own tasks, hold no std::mutex
/// over a wait.
///
/// The other direction: a task of weft runs oneTBB's algorithms in a call, and awaits that. It may also call them directly,
/// as any thread may, but then their bodies must not wait in weft: they would take the task away from under oneTBB.
///
/// Thread safety: every member from any thread, also from tasks of any runtime; it needs none.
///
///     weft::tbb_executor tbb(arena);
///     double sum = weft::await(weft::run_in_executor(tbb, [&] { return tbb::parallel_reduce(...); }));
class tbb_executor final : public executor {
public:
    /// With an arena of its own. Throws std::invalid_argument if max_concurrency is beyond INT_MAX.
    explicit tbb_executor(tbb_options options = {});
    /// In that arena, which must outlive the executor. Throws std::invalid_argument if options name a max_concurrency: the
    /// arena has one.
    explicit tbb_executor(::tbb::task_arena& arena, tbb_options options = {});
    /// shutdown(), unless one has given up waiting.
    ~tbb_executor() override;

    /// Does not suspend. Calls are begun in their order, by as many threads as the arena has. Throws runtime_closed after
    /// shutdown, std::bad_alloc.
    void post(job j) override;

    /// As run_in_executor(*this, f, args...).
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto submit(F&& f, Args&&... args) {
        return run_in_executor(*this, std::forward<F>(f), std::forward<Args>(args)...);
    }

    /// f(x) for each x of the inputs: as thread_pool_executor::map.
    template <class F, std::ranges::input_range R>
        requires std::invocable < std::decay_t<F>
    &, std::ranges::range_value_t<R>& >
           auto map(F&& f, R&& inputs, const map_options& options = {}) {
        return detail::map_over(*this, std::forward<F>(f), std::forward<R>(inputs), options);
    }

    /// No further calls; those that were made run to their end (see shutdown_options). Waiting suspends a task, weft's or
    /// oneTBB's, blocks a plain thread, and is no cancel point. May be called again. Throws would_deadlock in a call of its
    /// own.
    void shutdown(const shutdown_options& options = {});

    /// Of the arena: so many calls run at once, at most.
    [[nodiscard]] unsigned max_workers() const noexcept;
    /// Calls that have not begun.
    [[nodiscard]] std::size_t queued() const;

private:
    class state;
    const std::shared_ptr<state> state_;
};

} // namespace weft
