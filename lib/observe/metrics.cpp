// SPDX-License-Identifier: Apache-2.0
#include <weft/observe/metrics.hpp>

#include <array>
#include <cstdio>
#include <string_view>

#include "base/histogram.hpp"
#include "base/tsc.hpp"
#include "task/runtime_core.hpp"

namespace weft {
namespace {

using detail::histogram;

latency_summary summary_of(const histogram::counts& counts) {
    const auto quantile = [&](double q) {
        const double ns = detail::coarse_tsc_ns(histogram::quantile(counts, q));
        return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
    };
    return {histogram::total(counts), quantile(0.5), quantile(0.99), quantile(0.999)};
}

runtime_metrics metrics_of(detail::runtime_core& core) {
    detail::scheduler& s = core.sched();
    runtime_metrics m;
    m.live_tasks = core.live_count();
    m.live_stacks = s.live_stacks();
    m.workers = s.permits();
    m.sleeping_workers = s.sleeping_workers();
    m.spares = s.workers() - s.permits();
    m.idle_spares = static_cast<unsigned>(s.idle_spares());
    m.wakes = s.wakes();
    histogram::counts all{};
    for (unsigned i = 0; i < s.workers(); ++i) {
        const detail::worker_counters& c = s.worker_at(i).counters();
        m.switches += c.switches.load(std::memory_order_relaxed);
        m.steals += c.steals.load(std::memory_order_relaxed);
        m.sleeps += c.sleeps.load(std::memory_order_relaxed);
        m.polls += c.polls.load(std::memory_order_relaxed);
        m.blocking_calls += c.blocking_calls.load(std::memory_order_relaxed);
        m.lent_steps += c.lent.load(std::memory_order_relaxed);
        histogram::counts own{};
        s.worker_at(i).schedule_latency().add_to(own);
        m.worker_latency.push_back(summary_of(own));
        for (unsigned b = 0; b < histogram::k_buckets; ++b) all[b] += own[b];
    }
    m.schedule_latency = summary_of(all);
    if (const detail::monitor_counters* c = s.watched()) {
        m.displaced_blocked = c->blocked.load(std::memory_order_relaxed);
        m.displaced_computing = c->computing.load(std::memory_order_relaxed);
        m.slow_tasks = c->slow.load(std::memory_order_relaxed);
        m.monitor_looks = c->looks.load(std::memory_order_relaxed);
    }
    return m;
}

void append_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help) {
    out.append("# HELP ").append(name).append(" ").append(help);
    out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void append(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
    append_head(out, name, type, help);
    out.append(name).append(" ").append(std::to_string(value)).append("\n");
}

void append_latency(std::string& out, const std::string& worker, const latency_summary& of) {
    const struct {
        const char* quantile;
        std::chrono::nanoseconds value;
    } rows[] = {{"0.5", of.p50}, {"0.99", of.p99}, {"0.999", of.p999}};
    std::array<char, 160> line{};
    for (const auto& row : rows) {
        std::snprintf(line.data(), line.size(),
                      "weft_schedule_latency_seconds{worker=\"%s\",quantile=\"%s\"} %.9f\n",
                      worker.c_str(), row.quantile, static_cast<double>(row.value.count()) * 1e-9);
        out.append(line.data());
    }
    out.append("weft_schedule_latency_seconds_count{worker=\"").append(worker).append("\"} ");
    out.append(std::to_string(of.samples)).append("\n");
}

} // namespace

runtime_metrics metrics() { return metrics_of(detail::current_runtime()); }
runtime_metrics metrics(runtime& of) { return metrics_of(of.core()); }

std::string metrics_text() {
    const runtime_metrics m = metrics();
    std::string out;
    const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) {
        append(out, name, "gauge", help, value);
    };
    const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
        append(out, name, "counter", help, value);
    };
    gauge("weft_live_tasks", "Tasks created and not ended.", m.live_tasks);
    gauge("weft_live_stacks", "Stacks that tasks have.", m.live_stacks);
    gauge("weft_workers", "Workers that may run at once.", m.workers);
    gauge("weft_sleeping_workers", "Workers without work.", m.sleeping_workers);
    gauge("weft_spares", "Threads made to take the place of stuck workers.", m.spares);
    gauge("weft_idle_spares", "Spares without a place.", m.idle_spares);
    counter("weft_switches_total", "Steps of tasks.", m.switches);
    counter("weft_steals_total", "Times that a worker took work of another one.", m.steals);
    counter("weft_sleeps_total", "Times that a worker found nothing to do.", m.sleeps);
    counter("weft_wakes_total", "Workers asleep that others woke, by a system call each.", m.wakes);
    counter("weft_polls_total", "Times that the kernel was asked for events.", m.polls);
    counter("weft_blocking_calls_total", "Calls of weft::blocking.", m.blocking_calls);
    counter("weft_displaced_blocked_total", "Workers displaced while they slept in the kernel.",
            m.displaced_blocked);
    counter("weft_displaced_computing_total", "Workers displaced while they computed.",
            m.displaced_computing);
    counter("weft_lent_steps_total",
            "Steps that spares ran beside, since those before them blocked.", m.lent_steps);
    counter("weft_slow_tasks_total", "Runs of a task longer than slow_task_after without a wait.",
            m.slow_tasks);
    counter("weft_monitor_looks_total", "Times that the monitor looked at the workers.",
            m.monitor_looks);
    append_head(out, "weft_schedule_latency_seconds", "summary",
                "From ready to running, sampled, by worker.");
    append_latency(out, "all", m.schedule_latency);
    for (std::size_t i = 0; i < m.worker_latency.size(); ++i)
        if (m.worker_latency[i].samples != 0)
            append_latency(out, std::to_string(i), m.worker_latency[i]);
    return out;
}

} // namespace weft
