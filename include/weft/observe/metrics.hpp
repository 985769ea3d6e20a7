// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <weft/task/runtime.hpp>

namespace weft {

/// A runtime in numbers. Counters begin with the runtime and only grow.
struct runtime_metrics {
    std::size_t live_tasks = 0;    ///< created and not ended
    unsigned workers = 0;          ///< that may run at once
    unsigned sleeping_workers = 0; ///< without work, at this moment
    std::uint64_t switches = 0;    ///< steps of tasks
    std::uint64_t steals = 0;      ///< times that a worker took work of another one
    std::uint64_t sleeps = 0;      ///< times that a worker found nothing to do
    std::uint64_t polls = 0;       ///< times that the kernel was asked for events
};

/// The numbers of the running task's runtime, not all of one instant. Does not suspend; costs a lock per worker. Throws
/// std::logic_error outside a runtime.
[[nodiscard]] runtime_metrics metrics();
/// The same of any runtime, from any thread.
[[nodiscard]] runtime_metrics metrics(runtime& of);

/// metrics() in Prometheus' text format, names beginning with weft_.
[[nodiscard]] std::string metrics_text();

} // namespace weft
