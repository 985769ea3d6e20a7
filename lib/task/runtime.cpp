// SPDX-License-Identifier: Apache-2.0
// Options, start and end of a runtime.
#include <weft/task/runtime.hpp>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "base/thread_stack.hpp"
#include "base/topology.hpp"
#include "reactor/epoll_backend.hpp"
#include "reactor/null_backend.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

#ifdef WEFT_DEBUG_CHECKS
constexpr bool k_checked_build = true;
#else
constexpr bool k_checked_build = false;
#endif

constexpr unsigned k_most_workers = 1024, k_most_spares = 16384;

[[noreturn]] void bad_value(const std::string& what) {
    throw std::invalid_argument("weft: " + what);
}

unsigned number_from(const char* variable, const char* text) {
    unsigned n = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, error] = std::from_chars(text, end, n);
    if (error != std::errc() || stop != end || n == 0)
        bad_value(std::string(variable) + "=" + text + ": a number of workers from 1 to " +
                  std::to_string(k_most_workers));
    return n;
}

// What the program left at its default.
void apply_environment(runtime_options& o) {
    if (const char* text = std::getenv("WEFT_WORKERS"); text != nullptr && o.workers == 0)
        o.workers = number_from("WEFT_WORKERS", text);
    if (const char* text = std::getenv("WEFT_BACKEND");
        text != nullptr && o.backend == io_backend::automatic) {
        const std::string_view name(text);
        if (name == "epoll")
            o.backend = io_backend::epoll;
        else if (name == "io_uring")
            o.backend = io_backend::io_uring;
        else if (name != "automatic")
            bad_value("WEFT_BACKEND=" + std::string(name) + ": automatic, epoll or io_uring");
    }
    if (const char* text = std::getenv("WEFT_DEBUG"); text != nullptr && !o.debug) {
        const std::string_view value(text);
        if (value != "0" && value != "1")
            bad_value("WEFT_DEBUG=" + std::string(value) + ": 0 or 1");
        o.debug = value == "1";
    }
}

void check(const runtime_options& o) {
    if (o.workers > k_most_workers)
        bad_value("runtime_options::workers is " + std::to_string(o.workers) + "; at most " +
                  std::to_string(k_most_workers));
    if (o.stack_size < k_smallest_stack || o.stack_size > (std::size_t{1} << 30))
        bad_value("runtime_options::stack_size is " + std::to_string(o.stack_size) +
                  "; from 16 KiB to 1 GiB");
    if (o.stuck_after.count() <= 0) bad_value("runtime_options::stuck_after must be above zero");
    if (o.slow_task_after.count() <= 0)
        bad_value("runtime_options::slow_task_after must be above zero");
    if (o.max_spares > k_most_spares)
        bad_value("runtime_options::max_spares is " + std::to_string(o.max_spares) + "; at most " +
                  std::to_string(k_most_spares));
    if (o.backend == io_backend::io_uring)
        throw std::system_error(
            std::make_error_code(std::errc::operation_not_supported),
            "weft: this build has no io_uring backend; choose automatic or epoll");
}

// An event_loop's: a single worker, which is the caller, and nobody to take its place.
void check_for_caller(runtime_options& o) {
    if (o.workers > 1)
        bad_value("event_loop runs on the calling thread alone; runtime_options::workers is " +
                  std::to_string(o.workers));
    if (o.pin_workers)
        bad_value("event_loop runs on the calling thread, which is not its to pin: leave "
                  "runtime_options::pin_workers false");
    o.workers = 1;
    o.max_spares = 0;
}

} // namespace

std::shared_ptr<runtime_core> make_runtime(const runtime_options& given,
                                           const testing_options& testing, bool caller_runs) {
    runtime_options o = given;
    if (caller_runs) check_for_caller(o);
    apply_environment(o);
    if (o.workers == 0) o.workers = usable_cores();
    check(o);
    if (o.slow_task_stack) prepare_thread_stacks();
    if (o.debug && o.slow_task_after == runtime_options{}.slow_task_after)
        o.slow_task_after = std::chrono::milliseconds(25);
    scheduler_options s;
    s.workers = testing.virtual_time ? 1 : o.workers;
    s.caller_runs = caller_runs;
    s.stack_size = o.stack_size;
    s.pin_workers = o.pin_workers;
    s.force_migration = (o.debug || k_checked_build) && s.workers > 1;
    s.virtual_time = testing.virtual_time;
    s.seed = testing.seed;
    if (!testing.virtual_time) {
        s.spares = o.max_spares;
        s.watch = monitor::settings{.stuck_after = o.stuck_after.count(),
                                    .slow_after = o.slow_task_after.count()};
    }
    if (testing.virtual_time)
        s.make_backend = [](time_source& t) { return std::make_unique<null_backend>(t); };
    else
        s.make_backend = [](time_source&) { return std::make_unique<epoll_backend>(); };
    return std::make_shared<runtime_core>(o, s);
}

void require_plain_thread(const char* what) {
    if (current_fiber() != nullptr)
        throw std::logic_error(std::string(what) +
                               " in a task: await the callable, or create_task it");
}

std::vector<task_handle> shut_down(runtime_core& runtime, deadline_ns deadline) {
    if (current_runtime_or_null() == &runtime)
        throw std::logic_error("weft::runtime::shutdown from one of its own tasks");
    return runtime.cancel_and_wait(deadline);
}

void close_runtime(runtime_core& runtime) noexcept {
    if (current_runtime_or_null() == &runtime) { // it would wait for its own task for ever
        std::fputs(
            "weft: a runtime is destroyed by one of its own tasks; keep it outside of them\n",
            stderr);
        std::abort();
    }
    runtime.cancel_and_wait(k_never);
    runtime.shut_down_attachments();
}

} // namespace weft::detail

namespace weft {

std::vector<task_handle> all_tasks() {
    auto all = detail::current_runtime().live_tasks();
    std::erase_if(all, [](const task_handle& t) { return t.done(); }); // and about to leave
    return all;
}

} // namespace weft
