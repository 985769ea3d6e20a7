// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <tuple>

#include <weft/compute/fork_join.hpp>
#include <weft/task/wait.hpp>

namespace weft {

namespace detail {

template <class T>
concept awaitable_handle = requires(std::remove_cvref_t<T>& f) {
    { f.core() } -> std::convertible_to<future_core*>;
};
template <class T>
concept plain_callable = std::invocable < std::remove_reference_t<T>
& > &&!awaitable_handle<T>;

/// One argument of gather: a fork, or a handle that is watched.
template <class T>
struct gathered;
template <plain_callable T>
struct gathered<T> {
    fork_of<std::remove_reference_t<T>> fork;
    explicit gathered(T& f) noexcept : fork(f) {}
    void add(fork_base** forks, std::size_t& f, future_core**, std::size_t&) noexcept {
        forks[f++] = &fork;
    }
    auto take() { return fork.take(); }
};
template <awaitable_handle T>
struct gathered<T> {
    std::remove_cvref_t<T>& handle;
    explicit gathered(std::remove_cvref_t<T>& h) : handle(h) {
        if (h.core() == nullptr) throw invalid_state("weft: an empty future or task handle");
    }
    void add(fork_base**, std::size_t&, future_core** futures, std::size_t& n) noexcept {
        futures[n++] = handle.core();
    }
    auto take() {
        using value = typename std::remove_cvref_t<T>::value_type;
        if constexpr (std::is_void_v<value>)
            return std::monostate{};
        else
            return stored<value>(handle.core()->get(!std::is_copy_constructible_v<stored<value>>));
    }
};

/// Runs forks and futures together: forks first, here or wherever they are taken, then what is left of the futures. The first
/// failure cancels and joins all others.
void run_gathered(fork_base* const* forks, std::size_t fork_count, future_core* const* futures,
                  std::size_t future_count);

template <class F>
auto call_in_turn(F& f) -> stored<std::invoke_result_t<F&>> {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        f();
        return {};
    } else if constexpr (std::is_reference_v<std::invoke_result_t<F&>>) {
        return std::addressof(f());
    } else {
        return f();
    }
}

} // namespace detail

/// Runs callables as a fork-join and waits for futures, all concurrently; their results in the order of the arguments, void as
/// std::monostate. Callables MAY run in parallel: one that nobody takes runs here, as a call. On failure the rest is cancelled
/// and joined, then the first error is thrown; a cancel of the caller reaches all. On a plain thread the callables run one
/// after another. Suspends; a cancel point.
///
///     auto [a, b] = weft::gather([] { return f(1); }, [] { return f(2); });
///     auto [r, s] = weft::gather(task1, task2);
template <class... Ts>
    requires(sizeof...(Ts) > 0 &&
             ((detail::plain_callable<Ts> || detail::awaitable_handle<Ts>)&&...))
auto gather(Ts&&... things) {
    if constexpr ((detail::plain_callable<Ts> && ...)) {
        if (!detail::can_fork()) // braces: in order
            return std::tuple{detail::call_in_turn(things)...};
    }
    std::tuple<detail::gathered<Ts>...> all(things...);
    detail::fork_base* forks[sizeof...(Ts)] = {};
    detail::future_core* futures[sizeof...(Ts)] = {};
    std::size_t fork_count = 0, future_count = 0;
    std::apply([&](auto&... g) { (g.add(forks, fork_count, futures, future_count), ...); }, all);
    detail::run_gathered(forks, fork_count, futures, future_count);
    return std::apply([](auto&... g) { return std::tuple{g.take()...}; }, all);
}

/// The same for a range of futures: a vector of their values, in order; of void nothing.
template <detail::future_range R>
auto gather(R&& handles) {
    using value = typename std::ranges::range_value_t<R>::value_type;
    const std::vector<detail::future_core*> cores = detail::cores_of(handles);
    detail::gather_all(cores);
    if constexpr (!std::is_void_v<value>) {
        std::vector<value> values;
        values.reserve(cores.size());
        for (auto& h : handles)
            values.push_back(h.core()->get(!std::is_copy_constructible_v<value>));
        return values;
    }
}

/// The same for a range of callables.
template <std::ranges::forward_range R>
    requires(detail::plain_callable<std::ranges::range_reference_t<R>>)
auto gather(R&& callables) {
    using function = std::remove_reference_t<std::ranges::range_reference_t<R>>;
    using value = std::invoke_result_t<function&>;
    std::deque<detail::fork_of<function>> all;
    std::vector<detail::fork_base*> forks;
    for (auto& f : callables) forks.push_back(&all.emplace_back(f));
    if (detail::can_fork()) {
        if (!forks.empty()) detail::run_gathered(forks.data(), forks.size(), nullptr, 0);
        if constexpr (!std::is_void_v<value>) {
            std::vector<value> values;
            for (auto& f : all) values.push_back(f.take());
            return values;
        }
    } else if constexpr (std::is_void_v<value>) {
        for (auto& f : callables) f();
    } else {
        std::vector<value> values;
        for (auto& f : callables) values.push_back(f());
        return values;
    }
}

} // namespace weft
