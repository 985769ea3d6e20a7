// SPDX-License-Identifier: Apache-2.0
#include <weft/observe/metrics.hpp>

#include <string_view>

#include "task/runtime_core.hpp"

namespace weft {
namespace {

runtime_metrics metrics_of(detail::runtime_core& core) {
    detail::scheduler& s = core.sched();
    runtime_metrics m;
    m.live_tasks = core.live_count();
    m.workers = core.options().workers;
    m.sleeping_workers = s.sleeping_workers();
    for (unsigned i = 0; i < s.workers(); ++i) {
        const detail::worker_counters& c = s.worker_at(i).counters();
        m.switches += c.switches.load(std::memory_order_relaxed);
        m.steals += c.steals.load(std::memory_order_relaxed);
        m.sleeps += c.sleeps.load(std::memory_order_relaxed);
        m.polls += c.polls.load(std::memory_order_relaxed);
    }
    return m;
}

void append(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
    out.append("# HELP ")
        .append(name)
        .append(" ")
        .append(help)
        .append("\n# TYPE ")
        .append(name)
        .append(" ");
    out.append(type)
        .append("\n")
        .append(name)
        .append(" ")
        .append(std::to_string(value))
        .append("\n");
}

} // namespace

runtime_metrics metrics() { return metrics_of(detail::current_runtime()); }
runtime_metrics metrics(runtime& of) { return metrics_of(of.core()); }

std::string metrics_text() {
    const runtime_metrics m = metrics();
    std::string out;
    append(out, "weft_live_tasks", "gauge", "Tasks created and not ended.", m.live_tasks);
    append(out, "weft_workers", "gauge", "Workers that may run at once.", m.workers);
    append(out, "weft_sleeping_workers", "gauge", "Workers without work.", m.sleeping_workers);
    append(out, "weft_switches_total", "counter", "Steps of tasks.", m.switches);
    append(out, "weft_steals_total", "counter", "Times that a worker took work of another one.",
           m.steals);
    append(out, "weft_sleeps_total", "counter", "Times that a worker found nothing to do.",
           m.sleeps);
    append(out, "weft_polls_total", "counter", "Times that the kernel was asked for events.",
           m.polls);
    return out;
}

} // namespace weft
