// SPDX-License-Identifier: Apache-2.0
// What the runtime says of tasks that keep their worker.
#include <cstdio>

#include "base/thread_stack.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

constexpr deadline_ns k_second = 1'000'000'000;

std::string milliseconds(deadline_ns t) { return std::to_string(t / 1'000'000) + " ms"; }

} // namespace

// A line for each frame; nothing if the worker has gone on.
std::string stack_of(worker& w, std::uint64_t step) {
    const std::vector<const void*> frames = stack_of_thread(w.thread_id());
    if (w.step() != step) return {};
    std::string text;
    for (const void* frame : frames) text += "\n    at " + describe_code(frame);
    return text.empty() ? "\n    (its thread did not answer: no stack)" : text;
}

void runtime_core::log(const std::string& line) noexcept {
    try {
        if (options_.log_handler) return options_.log_handler(line);
    } catch (...) {
        std::fprintf(stderr, "weft: the log handler threw %s\n",
                     describe(std::current_exception()).c_str());
    }
    std::fprintf(stderr, "%s\n", line.c_str());
}

// The task that the worker runs may end this moment. Before it is removed from the live ones, the worker forgets it: so one
// that is still remembered while we look stays until we have looked.
std::string runtime_core::describe_running(worker& w, std::uint64_t step) {
    std::string text = "a forked callable, or a fiber of the runtime's own,";
    live_.look([&] {
        fiber* f = w.running_task();
        if (w.step() != step)
            text = "a task that has just gone on";
        else if (f != nullptr)
            text = static_cast<task_base*>(f)->description();
    });
    return text;
}

void runtime_core::slow_step(worker& w, std::uint64_t step, deadline_ns lasts,
                             bool in_kernel) noexcept {
    const deadline_ns now = time_source::monotonic_now();
    if (last_slow_line_ != 0 && now - last_slow_line_ < k_second) {
        ++untold_slow_;
        return;
    }
    last_slow_line_ = now;
    const std::string stack = options_.slow_task_stack ? stack_of(w, step) : std::string();
    std::string line = "weft: " + describe_running(w, step) + " has run for " +
                       milliseconds(lasts) + " without a wait" +
                       (in_kernel ? ", blocked in the kernel" : "");
    if (untold_slow_ > 0)
        line += " (and " + std::to_string(untold_slow_) + " more since the last such line)";
    untold_slow_ = 0;
    log(line + stack);
}

void runtime_core::no_spare(worker& w, std::uint64_t step, unsigned spares) noexcept {
    log("weft: all " + std::to_string(spares) +
        " spare threads are taken by tasks that block or compute, so others wait behind " +
        describe_running(w, step) +
        ": raise runtime_options::max_spares, or limit such calls with an executor");
}

} // namespace weft::detail
