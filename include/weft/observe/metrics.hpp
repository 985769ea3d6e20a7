// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weft/task/runtime.hpp>

namespace weft {

/// How long tasks wait from ready to running: sampled, each quantile at most a quarter too large. Zeros: no sample yet.
struct latency_summary {
    std::uint64_t samples = 0;
    std::chrono::nanoseconds p50{0};
    std::chrono::nanoseconds p99{0};
    std::chrono::nanoseconds p999{0};
};

/// A runtime in numbers. Counters begin with the runtime and only grow.
struct runtime_metrics {
    std::size_t live_tasks = 0;       ///< created and not ended
    std::size_t live_stacks = 0;      ///< that tasks have begun on; one that never waits shares
    unsigned workers = 0;             ///< that may run at once
    unsigned sleeping_workers = 0;    ///< without work, at this moment
    unsigned spares = 0;              ///< threads made to take the place of stuck workers
    unsigned idle_spares = 0;         ///< of these, without a place at this moment
    std::uint64_t switches = 0;       ///< steps of tasks
    std::uint64_t steals = 0;         ///< times that a worker took work of another one
    std::uint64_t sleeps = 0;         ///< times that a worker found nothing to do
    std::uint64_t wakes = 0;          ///< workers asleep that others woke, by a system call each
    std::uint64_t polls = 0;          ///< times that the kernel was asked for events
    std::uint64_t blocking_calls = 0; ///< weft::blocking
    std::uint64_t displaced_blocked =
        0; ///< workers that lost their place while they slept in the kernel
    std::uint64_t displaced_computing = 0; ///< ... while they computed
    std::uint64_t lent_steps = 0;     ///< that spares ran beside, since those before them blocked
    std::uint64_t slow_tasks = 0;     ///< runs longer than slow_task_after without a wait
    std::uint64_t monitor_looks = 0;  ///< times that the monitor looked at the workers
    latency_summary schedule_latency; ///< of all workers
    std::vector<latency_summary> worker_latency; ///< of each, spares at the end
};

/// The numbers of the running task's runtime, not all of one instant. Does not suspend; costs a lock per worker. Throws
/// std::logic_error outside a runtime, std::bad_alloc.
[[nodiscard]] runtime_metrics metrics();
/// The same of any runtime, from any thread.
[[nodiscard]] runtime_metrics metrics(runtime& of);

/// metrics() in Prometheus' text format, names beginning with weft_.
[[nodiscard]] std::string metrics_text();

} // namespace weft
