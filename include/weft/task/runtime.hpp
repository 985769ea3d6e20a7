// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <weft/task/task.hpp>

namespace weft {

/// How the kernel is asked. `automatic` takes what a probe at start finds best; the log of a debug run says which.
enum class io_backend { automatic, epoll, io_uring };

/// What no task takes: an exception that nobody asked for, or a broken clean-up.
struct exception_context {
    std::string message;
    std::exception_ptr exception;
    std::string task_name;
    const char* file = nullptr;
    int line = 0;
};

/// Options of a runtime. What the program leaves at its default, the environment may set: WEFT_WORKERS, WEFT_BACKEND
/// (epoll, io_uring), WEFT_DEBUG (0, 1).
struct runtime_options {
    unsigned workers = 0; ///< 0: one per usable core (affinity mask, cgroup quota)
    io_backend backend = io_backend::automatic;
    std::size_t stack_size = 256 * 1024; ///< bytes per task that waits
    bool pin_workers = false;            ///< worker n on the n-th CPU of the affinity mask
    bool debug = false;                  ///< every wait that ends resumes on another worker
    /// A worker that computes that long in one task, without a wait, gives its place to a spare thread if anything waits for
    /// its core; one that blocks in the kernel does so at once.
    std::chrono::nanoseconds stuck_after = std::chrono::milliseconds(1);
    /// So many threads beyond `workers` at most, made when needed. 0: nobody takes the place of a stuck worker.
    unsigned max_spares = 512;
    /// A task that runs that long without a wait is told to log_handler (as asyncio's slow_callback_duration);
    /// nanoseconds::max(): never. With `debug` the default is 25 ms.
    std::chrono::nanoseconds slow_task_after = std::chrono::milliseconds(100);
    std::function<void(const exception_context&)> exception_handler =
        {}; ///< empty: a line on stderr
    /// What the runtime has to say of itself: slow tasks, a lack of spares. Called by its own thread; empty: stderr.
    std::function<void(const std::string&)> log_handler = {};
    /// The line about a slow task is followed by the call stack that it had then. The runtime asks its thread by a real-time
    /// signal, one that nobody handles, only to report: a system call in which the task waits may end with EINTR by that.
    bool slow_task_stack = false;
};

namespace detail {
/// Options of the library's own tests.
struct testing_options {
    bool virtual_time = false; ///< one worker; see weft::testing::run
    std::uint64_t seed = 0;    ///< with virtual time
};
std::shared_ptr<runtime_core> make_runtime(const runtime_options& options,
                                           const testing_options& testing = {},
                                           bool caller_runs = false);
void close_runtime(runtime_core& runtime) noexcept;
std::vector<task_handle> shut_down(runtime_core& runtime, deadline_ns deadline);
void require_plain_thread(const char* what);
/// weft::run's handling of SIGINT around one main task.
class interrupt_guard {
public:
    explicit interrupt_guard(task_handle main);
    ~interrupt_guard();
    interrupt_guard(const interrupt_guard&) = delete;
    interrupt_guard& operator=(const interrupt_guard&) = delete;
    /// Was there a SIGINT?
    [[nodiscard]] bool interrupted() const noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};
} // namespace detail

/// Workers, reactors and tasks. Several may live in one process. Members may be called from any thread unless said otherwise.
///
///     weft::runtime rt({.workers = 4});
///     int x = rt.block_on([] { return 42; });
class runtime {
public:
    /// Starts the workers. Throws std::invalid_argument for a value that can't be, std::system_error if the kernel refuses.
    explicit runtime(const runtime_options& options = {}) : core_(detail::make_runtime(options)) {}
    runtime(const runtime_options& options, const detail::testing_options& testing)
        : core_(detail::make_runtime(options, testing)) {}
    /// Shuts down without a limit.
    ~runtime() {
        if (core_) detail::close_runtime(*core_);
    }
    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;

    /// Runs f as a task and blocks the calling thread until it ends; its result or exception. Other tasks go on and stay
    /// pending between calls. std::logic_error from within a task.
    template <class F>
    auto block_on(F&& f) {
        detail::require_plain_thread("weft::runtime::block_on");
        return detail::start_task(*core_, {.name = "main"}, __builtin_return_address(0),
                                  detail::bind_call(std::forward<F>(f)))
            .get();
    }
    /// A task from any thread. Throws runtime_closed after shutdown.
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    auto spawn(F&& f, Args&&... args) {
        return spawn(task_options{}, std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    [[gnu::noinline]] auto spawn(task_options options, F&& f, Args&&... args) {
        return detail::start_task(
            *core_, std::move(options), __builtin_return_address(0),
            detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
    }

    /// Cancels every task, waits for their end at most that long, and returns those that did not end. Blocks a plain thread;
    /// std::logic_error from within a task of this runtime.
    std::vector<task_handle> shutdown(std::chrono::nanoseconds limit) {
        return detail::shut_down(*core_, detail::deadline_after(limit));
    }

    [[nodiscard]] detail::runtime_core& core() noexcept { return *core_; }

private:
    std::shared_ptr<detail::runtime_core> core_;
};

/// asyncio.run: a runtime, f as its main task, and the end of all of it. Blocks the calling thread; returns or throws what f
/// does. When f ends, tasks still alive are cancelled and joined, and the default executor is shut down. From the main thread,
/// if SIGINT is at its default, the first SIGINT cancels the main task and run throws weft::interrupted; a second one ends
/// the process. std::logic_error from within a task.
///
///     int main() { return weft::run([] { weft::sleep_for(1s); return 0; }); }
template <class F>
auto run(const runtime_options& options, F&& f) {
    detail::require_plain_thread("weft::run");
    runtime rt(options);
    auto main = rt.spawn({.name = "main"}, std::forward<F>(f));
    detail::interrupt_guard guard(main);
    using result = typename decltype(main)::value_type;
    try {
        if constexpr (std::is_void_v<result>) {
            std::move(main).get();
            if (guard.interrupted()) throw interrupted();
        } else {
            result r = std::move(main).get();
            if (guard.interrupted()) throw interrupted();
            return r;
        }
    } catch (const cancelled_error&) {
        if (guard.interrupted()) throw interrupted();
        throw;
    }
}
template <class F>
auto run(F&& f) {
    return run(runtime_options{}, std::forward<F>(f));
}

/// Every task of the running task's runtime that is not done. Throws std::logic_error outside a runtime.
std::vector<task_handle> all_tasks();

} // namespace weft
