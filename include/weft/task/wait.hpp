// SPDX-License-Identifier: Apache-2.0
// Waiting for several futures at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <vector>

#include <weft/task/task.hpp>

namespace weft {

/// When wait() returns before its limit.
enum class wait_until { first_completed, first_exception, all_completed };
inline constexpr wait_until first_completed = wait_until::first_completed;
inline constexpr wait_until first_exception = wait_until::first_exception;
inline constexpr wait_until all_completed = wait_until::all_completed;

struct wait_options {
    std::optional<std::chrono::nanoseconds> timeout = {}; ///< empty: no limit
    wait_until return_when = all_completed;
};

/// Who is done and who is not, each in the order given.
template <class Handle>
struct wait_result {
    std::vector<Handle> done;
    std::vector<Handle> pending;
};

namespace detail {

/// Waits until the condition holds or the deadline passes; throws only cancelled_error. Cancels nobody.
void wait_many(std::span<future_core* const> futures, wait_until condition, deadline_ns deadline);
/// Cancels each that is not done and waits until all are, whatever happens.
void cancel_and_join(std::span<future_core* const> futures) noexcept;
/// Waits for all; on the first failure, or a cancel of the caller, cancels and joins the rest and throws that.
void gather_all(std::span<future_core* const> futures);

template <class R>
concept future_range = std::ranges::forward_range<R> && requires(std::ranges::range_value_t<R>& f) {
    { f.core() } -> std::convertible_to<future_core*>;
};

template <future_range R>
std::vector<future_core*> cores_of(R&& handles) {
    std::vector<future_core*> cores;
    for (auto& h : handles) {
        if (h.core() == nullptr) throw invalid_state("weft: an empty future or task handle");
        cores.push_back(h.core());
    }
    return cores;
}

} // namespace detail

/// Waits for some or all of the futures; a future given twice counts once. Cancels nothing, throws none of their exceptions.
/// A cancel point; a cancel leaves the futures alone. With all_completed an empty range returns at once, with first_completed
/// it throws std::invalid_argument: it could never end.
///
///     auto [done, rest] = weft::wait(tasks, {.timeout = 1s, .return_when = weft::first_completed});
template <detail::future_range R>
auto wait(R&& futures, wait_options options = {}) {
    using awaitable = std::ranges::range_value_t<R>;
    const std::vector<detail::future_core*> cores = detail::cores_of(futures);
    const detail::deadline_ns limit =
        options.timeout ? detail::deadline_after(*options.timeout) : detail::k_never;
    detail::wait_many(cores, options.return_when, limit);
    wait_result<awaitable> result;
    std::vector<detail::future_core*> seen;
    for (auto& h : futures) {
        if (std::ranges::find(seen, h.core()) != seen.end()) continue;
        seen.push_back(h.core());
        (h.done() ? result.done : result.pending).push_back(h);
    }
    return result;
}

/// What became of one of several: gather_settled's element.
template <class T>
class outcome {
public:
    explicit outcome(future<T> f) : future_(std::move(f)) {}
    [[nodiscard]] bool has_value() const { return kind() == detail::outcome_kind::value; }
    [[nodiscard]] bool cancelled() const { return kind() == detail::outcome_kind::cancelled; }
    /// The value, or throws what happened instead.
    T value() const { return future_.result(); }
    /// The exception; null for a value; a cancelled_error for a cancelled one.
    [[nodiscard]] std::exception_ptr exception() const {
        return cancelled() ? std::make_exception_ptr(cancelled_error(future_.core()->message()))
                           : future_.core()->error();
    }

private:
    [[nodiscard]] detail::outcome_kind kind() const { return future_.core()->state(); }
    future<T> future_;
};

/// Waits for all of a range, whatever becomes of each; throws only if the caller is cancelled, after the futures were
/// cancelled and have ended.
template <detail::future_range R>
auto gather_settled(R&& futures) {
    using value = typename std::ranges::range_value_t<R>::value_type;
    const std::vector<detail::future_core*> cores = detail::cores_of(futures);
    try {
        detail::wait_many(cores, all_completed, detail::k_never);
    } catch (...) {
        detail::cancel_and_join(cores);
        throw;
    }
    std::vector<outcome<value>> outcomes;
    for (auto& f : futures) {
        f.core()->mark_seen();
        outcomes.emplace_back(
            future<value>(detail::core_ref<detail::future_state<value>>::share(f.core())));
    }
    return outcomes;
}

/// A future that follows x; cancelling it, or whoever awaits it, leaves x alone.
///
///     auto z = weft::await(weft::shield(task));
template <class T>
future<T> shield(const future<T>& x) {
    if (x.done()) return x;
    auto outer = std::make_shared<promise<T>>();
    future<T> result = outer->get_future();
    x.add_done_callback([outer, x] {
        detail::future_state<T>& inner = *x.core();
        // A failure that nobody can see through the shield any more stays unseen, and is reported.
        if (outer->get_future().done()) return;
        if (inner.state() == detail::outcome_kind::cancelled)
            outer->set_cancelled(inner.message());
        else if (auto e = inner.error())
            outer->set_exception(e);
        else if constexpr (std::is_void_v<T>)
            outer->set_value();
        else
            outer->set_value(inner.get(!std::is_copy_constructible_v<T>));
    });
    return result;
}

} // namespace weft
