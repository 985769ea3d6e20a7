// SPDX-License-Identifier: Apache-2.0
// asyncio's loop object. Protocol: lib/loop/README.md.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <tuple>

#include <weft/loop/handle.hpp>
#include <weft/task/runtime.hpp>
#include <weft/task/task.hpp>

namespace weft {

namespace detail {

class loop_core;
class loop_set;

/// f with copies of its arguments, to be called again and again.
template <class F, class... Args>
auto bind_repeatedly(F&& f, Args&&... args) {
    return [f = std::decay_t<F>(std::forward<F>(f)),
            bound = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
        std::apply([&f](auto&... a) { std::invoke(f, a...); }, bound);
    };
}

} // namespace detail

/// The event loop of one core: get_running_loop() gives the one that the calling task runs on. A runtime has one per worker, which
/// live as long as it does; event_loop is one of its own.
///
/// Callbacks of one loop run in the order of the calls, one at a time, in a task's place (so they may wait, use locks, create tasks); while one
/// waits, those behind it wait, too: what takes long belongs in a task. Equal deadlines run in the order they were set. What a
/// callback schedules runs in the next turn, after IO was looked at. What a callback throws goes to the exception handler, and the loop
/// goes on. On a runtime with several workers the callbacks of different loops run at the same time.
///
/// Thread safety: every member may be called by any thread. Nothing here suspends. Callbacks see the task_local values of who
/// scheduled them.
/// Throws: runtime_closed once the loop is closed, std::system_error if there is no memory for another stack.
///
///     weft::loop& loop = weft::get_running_loop();
///     auto h = loop.call_later(50ms, [] { std::puts("late"); });
///     h.cancel();
class loop {
public:
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// f(args...), once, as soon as what is ready now has run. Arguments are copied or moved as std::thread does.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] handle call_soon(F&& f, Args&&... args) {
        return post(detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...),
                    __builtin_return_address(0));
    }
    /// The same as call_soon, which any thread may call.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] handle call_soon_threadsafe(F&& f, Args&&... args) {
        return post(detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...),
                    __builtin_return_address(0));
    }
    /// f(args...), once, not before d has passed; zero or less: in the next turn, the earliest deadline first.
    template <class Rep, class Period, class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] handle call_later(std::chrono::duration<Rep, Period> d, F&& f,
                                        Args&&... args) {
        return post_at(deadline_in(detail::to_nanoseconds(d)),
                       detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...),
                       __builtin_return_address(0));
    }
    /// f(args...), once, not before `when`, of this loop's clock (time()) or any other.
    template <class Clock, class Duration, class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] handle call_at(std::chrono::time_point<Clock, Duration> when, F&& f,
                                     Args&&... args) {
        return post_at(detail::deadline_at(when),
                       detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...),
                       __builtin_return_address(0));
    }
    /// Now, on the clock of the deadlines: monotonic.
    [[nodiscard]] clock::time_point time() const noexcept;

    /// A future that somebody will set.
    template <class T>
    [[nodiscard]] promise<T> create_future() const {
        return promise<T>();
    }
    /// weft::create_task from anywhere: a task of this loop's runtime. Of an event_loop that does not run: it begins in the next run.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] auto create_task(F&& f, Args&&... args) {
        return detail::start_task(
            runtime(), {}, __builtin_return_address(0),
            detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
    }
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] auto create_task(task_options options, F&& f, Args&&... args) {
        return detail::start_task(
            runtime(), std::move(options), __builtin_return_address(0),
            detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
    }

    /// f(args...) each turn in which the descriptor is readable (or at its end, or broken), until remove_reader, which must come before
    /// the descriptor is closed. One reader per descriptor and loop: another takes its place. Throws std::system_error for what
    /// can't be watched: no descriptor, a regular file.
    template <class F, class... Args>
        requires std::invocable < std::decay_t<F>
    &, std::decay_t<Args>&... > [[gnu::noinline]] void add_reader(int fd, F&& f, Args&&... args) {
        watch_fd(fd, false,
                 detail::bind_repeatedly(std::forward<F>(f), std::forward<Args>(args)...),
                 __builtin_return_address(0));
    }
    /// The same while it is writable.
    template <class F, class... Args>
        requires std::invocable < std::decay_t<F>
    &, std::decay_t<Args>&... > [[gnu::noinline]] void add_writer(int fd, F&& f, Args&&... args) {
        watch_fd(fd, true, detail::bind_repeatedly(std::forward<F>(f), std::forward<Args>(args)...),
                 __builtin_return_address(0));
    }
    /// False: there is none. On return it does not begin to run again, and the descriptor may be closed.
    bool remove_reader(int fd);
    bool remove_writer(int fd);

    /// f(args...) in this loop, not in signal context, after the signal has come; several in quick succession may be one. Any number
    /// of loops, of any runtimes, may handle one signal: each gets it. One handler per signal and loop: another takes its place. Throws
    /// std::invalid_argument for what is no signal, std::system_error for one that can't be handled (SIGKILL).
    template <class F, class... Args>
        requires std::invocable < std::decay_t<F>
    &, std::decay_t<Args>&... >
           [[gnu::noinline]] void add_signal_handler(int signal, F&& f, Args&&... args) {
        watch_signal(signal,
                     detail::bind_repeatedly(std::forward<F>(f), std::forward<Args>(args)...),
                     __builtin_return_address(0));
    }
    /// False: there is none. The last handler that goes puts the signal back to what it was.
    bool remove_signal_handler(int signal);

    /// What no task takes goes to `handler` from now on, of this loop's whole runtime: an exception of a callback, or of a task that
    /// nobody asked for. Empty: a line on stderr. It may be called by any worker, and by several at a time; what it throws is told on stderr.
    void set_exception_handler(std::function<void(const exception_context&)> handler);
    /// Debug mode of this loop's whole runtime: each callback is timed, and one slower than slow_callback_duration is told to
    /// runtime_options::log_handler when it has ended; a coroutine that was never awaited is reported. (That tasks
    /// change threads at each wait is chosen by runtime_options::debug, at the start.)
    void set_debug(bool on) noexcept;
    [[nodiscard]] bool get_debug() const noexcept;
    /// How long a callback, or a task between two waits, may take before it counts as slow; at the start
    /// runtime_options::slow_task_after. Tasks that are slow are told in any mode, while they are.
    void set_slow_callback_duration(std::chrono::nanoseconds d) noexcept;
    [[nodiscard]] std::chrono::nanoseconds slow_callback_duration() const noexcept;

    /// For the library's own parts.
    [[nodiscard]] detail::loop_core& core() const noexcept { return *core_; }

protected:
    loop() noexcept;
    ~loop();
    std::unique_ptr<detail::loop_core> core_;

private:
    friend class detail::loop_set;
    handle post(unique_function<void()> f, const void* site);
    handle post_at(detail::deadline_ns when, unique_function<void()> f, const void* site);
    void watch_fd(int fd, bool for_writing, unique_function<void()> f, const void* site);
    void watch_signal(int signal, unique_function<void()> f, const void* site);
    [[nodiscard]] detail::deadline_ns deadline_in(std::chrono::nanoseconds d) const noexcept;
    [[nodiscard]] detail::runtime_core& runtime() const;
};

/// The loop of the core on which the calling task, or callback, runs; in an event_loop, that one. A task may go on elsewhere after a wait.
/// Throws std::logic_error outside.
loop& get_running_loop();

} // namespace weft
