// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include <weft/task/task.hpp>

namespace weft {

/// The limit that is in force inside weft::timeout's function. Of that task alone.
class timeout_scope {
public:
    /// Has the limit passed (and cancelled the body)?
    [[nodiscard]] bool expired() const noexcept;
    /// The deadline; empty: none.
    [[nodiscard]] std::optional<clock::time_point> when() const noexcept;
    /// Moves the deadline, or removes it. invalid_state once it has passed or the scope has ended.
    void reschedule(std::optional<clock::time_point> t);

    timeout_scope(const timeout_scope&) = delete;
    timeout_scope& operator=(const timeout_scope&) = delete;

    /// For weft::timeout alone.
    explicit timeout_scope(detail::deadline_ns deadline);
    ~timeout_scope();
    /// Ends the scope. True: it has passed, and a cancelled_error that leaves the body now is its doing.
    bool leave() noexcept;

private:
    struct limit;
    std::unique_ptr<limit> limit_;
};

namespace detail {
template <class F>
decltype(auto) run_limited(deadline_ns deadline, F&& f) {
    timeout_scope scope(deadline);
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F&, timeout_scope&>>) {
            f(scope);
            scope.leave();
        } else {
            decltype(auto) result = f(scope);
            scope.leave();
            return result;
        }
    } catch (const cancelled_error&) {
        if (!scope.leave()) throw;
        throw timeout_error();
    }
}
} // namespace detail

/// Runs f(scope) here; when d has passed, its waits throw cancelled_error, and when that leaves f, timeout_error is thrown.
/// Other exceptions pass; a cancel from elsewhere stays a cancel. In tasks only (std::logic_error). A cancel point.
///
///     weft::timeout(10ms, [&](weft::timeout_scope&) { in.readline(); });
template <class Rep, class Period, class F>
decltype(auto) timeout(std::chrono::duration<Rep, Period> d, F&& f) {
    return detail::run_limited(detail::deadline_after(detail::to_nanoseconds(d)), f);
}
template <class Clock, class Duration, class F>
decltype(auto) timeout_at(std::chrono::time_point<Clock, Duration> t, F&& f) {
    return detail::run_limited(detail::deadline_at(t), f);
}

/// Runs f here, in the calling task, for at most d; then timeout_error. Not started at all if d is zero or less.
template <class Rep, class Period, class F>
    requires std::invocable<F&>
decltype(auto) wait_for(std::chrono::duration<Rep, Period> d, F&& f) {
    if (d.count() <= 0) throw timeout_error();
    return detail::run_limited(detail::deadline_after(detail::to_nanoseconds(d)),
                               [&f](timeout_scope&) -> decltype(auto) { return f(); });
}

namespace detail {
/// Until done or the deadline; then cancels it, whoever else waits, and waits for its end. True: it was cancelled for that.
bool await_or_cancel(future_core& f, deadline_ns deadline);
} // namespace detail

/// The value of x within d; else x is cancelled, whoever else waits for it, HAS ended, and timeout_error is thrown. A value or
/// error that x ends with all the same is what comes out. If the caller is cancelled, x is cancelled and has ended, too.
template <class Rep, class Period, class T>
T wait_for(std::chrono::duration<Rep, Period> d, const future<T>& x) {
    if (!x.valid()) throw invalid_state("weft: an empty future or task handle");
    const bool timed_out =
        detail::await_or_cancel(*x.core(), detail::deadline_after(detail::to_nanoseconds(d)));
    if (timed_out && x.core()->state() == detail::outcome_kind::cancelled) throw timeout_error();
    return x.core()->get(!std::is_copy_constructible_v<detail::stored<T>>);
}

} // namespace weft
