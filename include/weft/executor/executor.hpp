// SPDX-License-Identifier: Apache-2.0
// Where blocking or hostile work goes. Protocol: lib/executor/README.md.
#pragma once

#include <concepts>
#include <memory>
#include <stdexcept>
#include <utility>

#include <weft/executor/call.hpp>

namespace weft {

/// A seam: a user's own thread pool becomes an executor by implementing `post`.
///
///     struct mine : weft::executor {
///         void post(weft::job j) override { pool.add([j = std::move(j)]() mutable { j(); }); }
///     };
///     int x = weft::await(weft::run_in_executor(my_executor, f, arg));
class executor {
public:
    executor() = default;
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    virtual ~executor() = default;

    /// Calls j() once, soon, on a thread of its own; never inside post. What can't be run is destroyed (its future ends
    /// cancelled) or told why by j.fail(e). Any thread. May throw: then nobody has the job, and run_in_executor throws.
    virtual void post(job j) = 0;
};

/// A pool whose initializer failed: this and every later call fail.
class broken_executor : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Runs f(args...) in the executor; arguments are copied or moved as std::thread does. Submits at once and does not suspend;
/// any thread. Cancelling the future removes a call that has not begun; one that runs goes on, but its future ends as
/// cancelled at once and its result is dropped. The exception of f, of whatever type, is the future's.
///
///     auto page = weft::await(weft::run_in_executor(threads, legacy_download, url));
template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
auto run_in_executor(executor& where, F&& f, Args&&... args) {
    auto [j, result] =
        detail::make_call(detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
    where.post(std::move(j));
    return result;
}

namespace detail {
/// The pool of the running task's runtime, made at its first use. Throws std::logic_error without a runtime.
executor& default_executor();
} // namespace detail

/// The same in the default pool of threads of the running task's runtime.
///
///     auto page = weft::await(weft::run_in_executor(legacy_download, url));
template <class F, class... Args>
    requires(!std::derived_from<std::remove_cvref_t<F>, executor> &&
             std::invocable<std::decay_t<F>, std::decay_t<Args>...>)
auto run_in_executor(F&& f, Args&&... args) {
    return run_in_executor(detail::default_executor(), std::forward<F>(f),
                           std::forward<Args>(args)...);
}

} // namespace weft
