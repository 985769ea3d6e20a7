// SPDX-License-Identifier: Apache-2.0
// Calls that may block their thread, announced.
#pragma once

#include <concepts>
#include <functional>

namespace weft {
namespace detail {

/// Between its braces the running fiber may block its worker's thread.
class blocking_section {
public:
    blocking_section() noexcept;
    /// Goes to another worker if this one was taken for blocked meanwhile: suspends, but is no cancel point.
    ~blocking_section();
    blocking_section(const blocking_section&) = delete;
    blocking_section& operator=(const blocking_section&) = delete;

private:
    bool outermost_;
};

} // namespace detail

/// Calls f, which may block: it runs here and now, and if it lasts, this core's tasks, timers and sockets are served by another
/// thread meanwhile: by a worker that looks for work just then, else by a spare, which gets this core from the runtime's
/// monitor at the second look at the same call (50 us after the first, which comes within a millisecond or two). Returns or
/// throws what f does. Costs some nanoseconds while f is quick: the first choice for a call that usually is. Calls that must be
/// limited in number, or that should be cancellable, belong into run_in_executor.
///
/// Not a cancel point. May resume on another thread when f has returned. On a plain thread: just the call. Inside f the task
/// may use weft as ever; the first wait there ends the announcement.
///
///     auto rows = weft::blocking([&] { return database.query(sql); });
template <std::invocable F>
decltype(auto) blocking(F&& f) {
    const detail::blocking_section here;
    return std::invoke(std::forward<F>(f));
}

} // namespace weft
