// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include <weft/loop/loop.hpp>

namespace weft {

namespace detail {

/// What weft::await takes and is neither a callable nor a future: a co_task, a foreign awaitable.
template <class A>
concept only_awaitable = !std::invocable<A&> && !requires(A & a) {
    a.add_done_callback([] {});
}
&&requires(A a) { await(std::move(a)); };

} // namespace detail

/// A single-threaded runtime that runs on the thread that calls run_forever or run_until_complete: asyncio's loop. No other thread
/// runs its tasks and callbacks, so between two waits nothing else does. It may run many times, also on different threads one after the
/// other; what is not finished stays pending in between. Nobody serves it while one of its tasks or callbacks computes or blocks:
/// the runtime only reports that (runtime_options::slow_task_after). SIGINT is left alone: it ends the process unless there is a handler.
///
/// Thread safety: as loop; run_..., close and the destructor belong to one thread at a time.
///
///     weft::event_loop l;
///     l.call_later(1s, [&] { l.stop(); });
///     l.run_forever();
///     int x = l.run_until_complete([] { weft::sleep_for(1s); return 42; });
class event_loop : public loop {
public:
    /// Options as of runtime, but workers is 0 or 1, and max_spares and stuck_after have no meaning. Throws as runtime does.
    explicit event_loop(const runtime_options& options = {})
        : event_loop(options, detail::testing_options{}) {}
    event_loop(const runtime_options& options, const detail::testing_options& testing);
    /// As close.
    ~event_loop();

    /// Runs f as a task, on this thread, until it ends; its result or exception. Throws std::runtime_error if stop() came first: then
    /// the task stays pending and a later run goes on with it; std::logic_error in a task or callback, or while the loop
    /// runs elsewhere; runtime_closed.
    template <class F>
        requires std::invocable < std::decay_t<F>
    & > [[gnu::noinline]] decltype(auto) run_until_complete(F&& f) {
        check_may_run("run_until_complete");
        return run_for(detail::start_task(*runtime_, {.name = "main"}, __builtin_return_address(0),
                                          detail::bind_call(std::forward<F>(f))));
    }
    /// The same until a future or task is done, of this loop or of anybody.
    template <class T>
    T run_until_complete(const future<T>& f) {
        check_may_run("run_until_complete");
        run_until_done(*f.core());
        return f.get();
    }
    template <class T>
    T run_until_complete(future<T>&& f) {
        check_may_run("run_until_complete");
        return run_for(std::move(f));
    }
    template <class A>
        requires detail::only_awaitable<std::decay_t<A>>
    decltype(auto) run_until_complete(A&& a) {
        return run_until_complete(
            [a = std::decay_t<A>(std::forward<A>(a))]() mutable -> decltype(auto) {
                return await(std::move(a));
            });
    }
    /// Runs until stop(). Throws as run_until_complete.
    void run_forever();
    /// Ends the run when its present turn is over: what is ready runs still, what becomes ready meanwhile waits for the next run. Without a
    /// run, the next one ends after one turn. Any thread.
    void stop() noexcept;

    /// Cancels every task and runs them to their end; then no callback, timer, descriptor or signal is left, and every entry throws
    /// runtime_closed. Again: nothing. Throws std::logic_error while the loop runs.
    void close();
    [[nodiscard]] bool is_running() const noexcept {
        return running_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_closed() const noexcept;

private:
    void check_may_run(const char* what) const;
    void run_here();
    void run_until_done(detail::future_core& f);
    template <class Future>
    decltype(auto) run_for(Future f) {
        run_until_done(*f.core());
        return std::move(f).get();
    }
    void end() noexcept;

    std::shared_ptr<detail::runtime_core> runtime_;
    std::atomic<bool> running_{false};
};

} // namespace weft
